"""Accounts: log in and out, register, confirm, reset; and what is one's own: tokens, profile, consent, data."""

from focus.web.accounts import mailed, own, views
from focus.web.accounts.base import blueprint

__all__ = ["blueprint", "mailed", "own", "views"]
