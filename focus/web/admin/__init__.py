"""Pages for administrators, one module an area. Lists show that something is there; looking into it is audited."""

from focus.web.admin import audit, groups, health, jobs, recordings, releases, users
from focus.web.admin.base import blueprint

__all__ = ["audit", "blueprint", "groups", "health", "jobs", "recordings", "releases", "users"]
