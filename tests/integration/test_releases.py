"""Model releases on real databases: which is active, who changed it, and what a running engine makes of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import xgboost as xgb
from sqlalchemy.orm import Session

from focus.errors import ConflictError, ModelError, PermissionDeniedError
from focus.eyestate.artifact import read_release, write_release
from focus.eyestate.installed import BUNDLED_DIR, shipped_name
from focus.services import releases
from focus.services.accounts import Principal, create_user, operator_principal, principal_of_user
from focus.storage import audit
from focus.storage import releases as queries

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The shipped trees again, as two releases of other names."""
    shipped = read_release(BUNDLED_DIR / shipped_name())
    for name in ("first", "second"):
        write_release(tmp_path / "made" / name, shipped.model, replace(shipped.manifest, name=name))
    return tmp_path / "made"


@pytest.fixture
def admin(database_session: Session) -> Principal:
    return principal_of_user(create_user(database_session, "admin@example.org", role="admin"))


def test_promoting_and_rolling_back_go_the_same_way_and_are_audited(
    database_session: Session, admin: Principal, models_dir: Path, made: Path
) -> None:
    session = database_session
    for number, name in enumerate(("first", "second")):
        releases.register(session, admin, made / name, models_dir, now=NOON)
        releases.promote(session, admin, name, models_dir, now=NOON + timedelta(hours=1 + number))
    after_two = releases.active_name(session)

    back = [releases.rollback(session, admin, models_dir, now=NOON + timedelta(hours=9)) for _ in range(2)]
    session.commit()

    assert after_two == "second"
    assert back == [("second", "first"), ("first", shipped_name())]
    assert releases.active_name(session) == shipped_name()
    noted = [(entry.action, entry.object_id, entry.details.get("before")) for entry in audit.list_entries(session)][:6]
    assert noted == [
        ("model.rolled_back", shipped_name(), "first"),
        ("model.rolled_back", "first", "second"),
        ("model.promoted", "second", "first"),
        ("model.registered", "second", None),
        ("model.promoted", "first", shipped_name()),
        ("model.registered", "first", None),
    ]
    newest = audit.list_entries(session)[0]
    assert (newest.actor_id, newest.at, newest.object_kind) == (
        admin.user_id,
        NOON + timedelta(hours=9),
        "model_release",
    )


def test_only_administrators_change_which_release_is_active(
    database_session: Session, models_dir: Path, made: Path
) -> None:
    member = principal_of_user(create_user(database_session, "m@example.org"))

    with pytest.raises(PermissionDeniedError):
        releases.register(database_session, member, made / "first", models_dir)
    with pytest.raises(PermissionDeniedError):
        releases.promote(database_session, member, shipped_name(), models_dir)
    with pytest.raises(PermissionDeniedError):
        releases.rollback(database_session, member, models_dir)


def test_a_name_that_is_taken_active_or_unknown_is_refused(
    database_session: Session, models_dir: Path, made: Path
) -> None:
    session, operator = database_session, operator_principal()
    releases.register(session, operator, made / "first", models_dir)

    with pytest.raises(ConflictError, match="called first already"):
        releases.register(session, operator, made / "first", models_dir)
    with pytest.raises(ConflictError, match="active one already"):
        releases.promote(session, operator, shipped_name(), models_dir)
    with pytest.raises(ModelError, match=r"called '\.\./made/first'; there are: eyestate-\d+, first"):
        releases.promote(session, operator, "../made/first", models_dir)


def test_files_that_were_changed_after_they_were_registered_are_not_promoted(
    database_session: Session, models_dir: Path, made: Path
) -> None:
    session, operator = database_session, operator_principal()
    releases.register(session, operator, made / "first", models_dir, now=NOON)
    shipped = read_release(BUNDLED_DIR / shipped_name())
    change_model(models_dir / "first", shipped.model)

    with pytest.raises(ModelError, match="not the one that was registered on 2026-05-01"):
        releases.promote(session, operator, "first", models_dir)

    (models_dir / "first" / "model.ubj").write_bytes(shipped.model[:-1])
    with pytest.raises(ModelError, match=r"checksum of model\.ubj"):
        releases.promote(session, operator, "first", models_dir)


def test_a_release_that_cannot_be_used_is_listed_with_its_fault(
    database_session: Session, models_dir: Path, made: Path
) -> None:
    releases.register(database_session, operator_principal(), made / "first", models_dir)
    (models_dir / "first" / "manifest.json").write_text("{}", encoding="utf-8")

    listed = {release.name: release for release in releases.list_installed(database_session, models_dir)}

    assert listed["first"].manifest is None
    assert "manifest field" in listed["first"].fault
    assert listed[shipped_name()].is_active
    assert listed[shipped_name()].is_shipped
    assert not listed["first"].is_shipped


def test_an_active_release_whose_files_are_gone_names_the_way_out(database_session: Session, models_dir: Path) -> None:
    row = queries.add_release(database_session, name="gone", digest="0" * 64, manifest={}, now=NOON)
    row.promoted_at = NOON

    with pytest.raises(ModelError, match=r"no release is called 'gone'.* `flask model promote NAME` takes another"):
        releases.load_active(database_session, models_dir)

    listed = [release for release in releases.list_installed(database_session, models_dir) if release.is_active]
    assert [release.name for release in listed] == ["gone"]
    assert listed[0].fault.startswith("no release is called 'gone'")


def change_model(folder: Path, model: bytes) -> None:
    """Put other trees into a release, with a manifest that fits them."""
    booster = xgb.Booster()
    booster.load_model(bytearray(model))
    trees = bytes(booster[: booster.num_boosted_rounds() // 2].save_raw("ubj"))
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["model_sha256"] = hashlib.sha256(trees).hexdigest()
    (folder / "model.ubj").write_bytes(trees)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
