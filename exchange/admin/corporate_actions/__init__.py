"""Admin pages of corporate actions: enter, confirm, approve and reverse; no rule, those are in
`exchange.corporate`.
"""

from exchange.admin.corporate_actions import pages

__all__ = ["pages"]
