"""Groups: the pages of a researcher with a group, and of a person who is in one or invited to one."""

from focus.web.groups import member, researcher
from focus.web.groups.base import blueprint

__all__ = ["blueprint", "member", "researcher"]
