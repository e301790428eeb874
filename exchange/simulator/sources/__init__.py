"""Where rounds come from: the model, files in its place, a scenario over it; nothing is
recorded here.
"""
