"""What the rules of all apps are written with: refusals, ids, numbers and formats; pure Python,
no framework.
"""
