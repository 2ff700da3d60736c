"""What the access matrix sends: bodies that the route takes from whoever may call it."""

from __future__ import annotations

from typing import Any

from tests.integration.api.conftest import opening
from tests.integration.ingest.harness import frames_between
from tests.integration.web.made import SCREEN

NEW = "quite another horse"
LEASE = {"Focus-Lease": "x"}


def form(**fields: str) -> dict[str, Any]:
    return {"data": fields}


def body(headers: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
    return {"json": fields, "headers": headers or {}}


FRAMES = {
    "t_us": frames_between(0, 5).t_us.tolist(),
    "columns": {name: values.tolist() for name, values in frames_between(0, 5).columns.items()},
}

BODIES: dict[str, dict[str, Any]] = {
    # forms
    "accounts.log_in": form(email="nobody@example.org", password="wrong password"),
    "accounts.register": form(email="new@example.org", new=NEW, again=NEW),
    "accounts.forgot": form(email="owner@example.org"),
    "accounts.profile": form(display_name="A"),
    "accounts.consent_page": form(purpose="group_statistics", answer="give"),
    "accounts.delete_sessions": form(word="DELETE"),
    "accounts.delete_account": form(word="DELETE"),
    "accounts.ask_for_email": form(email="another@example.org"),
    "accounts.change_password": form(new=NEW, again=NEW),
    "accounts.create_token": form(name="t", scopes="frames:write", lifetime_days="30"),
    "analyses.start": form(release="none", lookahead_ms="150"),
    "sessions.start_demo": form(kind="replay"),
    "imports.upload": {"data": b"t_us", "content_type": "application/octet-stream"},
    "admin.set_role": form(role="researcher"),
    "tracking.save_calibration": body(
        screen=SCREEN.to_dict(), points=[{"x": 0.5, "y": 0.5}], coefficients={"a": 1.0}, accuracy_deg=1.0
    ),
    "groups.create": form(name="More"),
    "groups.rename": form(name="Else"),
    "groups.invite": form(email="third@example.org"),
    "groups.invitation": form(answer="decline"),
    # the API
    "api_accounts.register": body(email="new@example.org", password=NEW),
    "api_accounts.set_email": body(token="no-link"),
    "api_accounts.forgot": body(email="owner@example.org"),
    "api_accounts.reset": body(token="no-link", password=NEW),
    "api_accounts.verify": body(token="no-link", password=NEW),
    "api_admin.change_user": body(is_active=True),
    "api_analyses.start": body(),
    "api_groups.create_group": body(name="More"),
    "api_groups.rename_group": body(name="Else"),
    "api_groups.invite": body(email="third@example.org"),
    "api_groups.answer_invitation": body(key="{key}", answer="decline"),
    "api_data.store_calibration": body(
        tracker="t", screen=SCREEN.to_dict(), points=[{"x": 0.5, "y": 0.5}], coefficients={"a": 1.0}
    ),
    "api_data.put_consent": body(decision="given"),
    "api_data.delete_recordings": body(word="DELETE"),
    "api_me.delete_account": body(word="DELETE"),
    "api_me.ask_for_email": body(email="another@example.org"),
    "api_me.put_profile": body(display_name="A"),
    "api_me.change_password": body(new=NEW),
    "api_me.create_token": body(name="t", scopes=["frames:write"]),
    "api_recordings.rename": body(title="Else"),
    "api_delivery.take_lease": body(**opening()),
    "api_delivery.put_batch": body(LEASE, **FRAMES),
    "api_delivery.put_marker": body(LEASE, t_us=0, kind="page"),
    "api_delivery.close": body(LEASE, last_seq=0),
}
