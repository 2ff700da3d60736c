"""Model releases of an installation: registering, promoting, rolling back. Called by the shell, pages and the engine.

Files lie in the package or in `instance/models` (`focus.eyestate.installed`). The database says which release is
active: the one that was promoted last, or the shipped one. A running server asks whenever a recording is opened, so
what is promoted holds for recordings that are opened afterwards; one that is open keeps the release it began with.

Nothing here commits: the caller ends the transaction.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy.orm import Session

from focus.concurrency import run_blocking
from focus.errors import ConflictError, ModelError
from focus.eyestate.artifact import Manifest, read_manifest
from focus.eyestate.installed import BUNDLED_DIR, find_release, install_release, list_releases, shipped_name
from focus.services.accounts import Principal
from focus.storage import audit
from focus.storage import releases as queries
from focus.storage.operation_models import ModelRelease

if TYPE_CHECKING:
    from focus.eyestate.model import EyeStateModel

WAY_OUT: Final = "It is the active release; `flask model promote NAME` takes another"
"""What follows the sentence that says why the active release cannot be used."""

_KIND: Final = "model_release"


@dataclass(frozen=True, slots=True)
class InstalledRelease:
    """A release as lists show it.

    `manifest` is None and `fault` a sentence where the manifest cannot be used. `promoted_at` is None for one that was
    never promoted or was rolled back, also where it is active because it is the shipped one.
    """

    name: str
    manifest: Manifest | None
    fault: str
    is_shipped: bool
    is_active: bool
    promoted_at: datetime | None


def active_name(session: Session) -> str:
    """Name of the release that recordings are analysed with which are opened now."""
    promoted = queries.promoted_releases(session, limit=1)
    return promoted[0].name if promoted else shipped_name()


def load_release(name: str, models_dir: Path) -> EyeStateModel:
    """The model of an installed release.

    Raises
    ------
    ModelError
        If there is none of this name, or it does not fit; the sentence says what.
    """
    from focus.eyestate.model import load_model  # XGBoost takes half a second, which a list of names need not spend

    return load_model(find_release(name, models_dir))


def load_active(session: Session, models_dir: Path) -> EyeStateModel:
    """The model of the active release; a ModelError says what does not fit, and what to do."""
    name = active_name(session)
    try:
        return load_release(name, models_dir)
    except ModelError as err:
        raise ModelError(f"{err.message}. {WAY_OUT}") from err


def list_installed(session: Session, models_dir: Path) -> list[InstalledRelease]:
    """All releases whose files are here, by name, and the active one even if they are not."""
    active = active_name(session)
    promoted_at = {row.name: row.promoted_at for row in queries.noted_releases(session)}
    found = []
    for name in sorted({*list_releases(models_dir), active}):
        manifest, fault = None, ""
        try:
            manifest = read_manifest(find_release(name, models_dir))
        except ModelError as err:
            fault = err.message
        is_shipped = (BUNDLED_DIR / name).is_dir()
        found.append(InstalledRelease(name, manifest, fault, is_shipped, name == active, promoted_at.get(name)))
    return found


def register(
    session: Session, principal: Principal, source: Path, models_dir: Path, *, now: datetime | None = None
) -> str:
    """Install the release in a folder, so that it can be promoted; returns its name.

    Raises
    ------
    PermissionDeniedError
        If the principal is no administrator.
    ModelError
        If the release does not fit this version of FOCUS: features, classes, versions or checksums.
    ConflictError
        If there is a release of this name.
    """
    from focus.eyestate.model import load_model

    principal.require_admin()
    now = now or datetime.now(UTC)
    manifest = run_blocking(load_model, source).manifest
    _note(session, manifest, now)
    install_release(source, models_dir)
    _log(session, principal, "model.registered", manifest.name, now, {"model_sha256": manifest.model_sha256})
    return manifest.name


def promote(session: Session, principal: Principal, name: str, models_dir: Path, *, now: datetime | None = None) -> str:
    """Make a release the active one; returns the name of the one that was active before.

    Raises
    ------
    PermissionDeniedError
        If the principal is no administrator.
    ModelError
        If there is none of this name, it does not fit this version of FOCUS, or its files were changed since it was
        registered.
    ConflictError
        If it is the active one.
    """
    principal.require_admin()
    now = now or datetime.now(UTC)
    queries.promoted_releases(session, limit=1, lock=True)
    before = active_name(session)
    if name == before:
        raise ConflictError(f"release {name} is the active one already")
    row = _usable(session, name, models_dir, now)
    row.promoted_at = now
    session.flush()
    _log(session, principal, "model.promoted", name, now, {"before": before})
    return before


def rollback(
    session: Session, principal: Principal, models_dir: Path, *, now: datetime | None = None
) -> tuple[str, str]:
    """Go back to the release that was active before the last one was promoted; returns (the one left, the one back).

    Raises
    ------
    PermissionDeniedError
        If the principal is no administrator.
    ConflictError
        If none was promoted.
    ModelError
        If the one before cannot be used any more.
    """
    principal.require_admin()
    now = now or datetime.now(UTC)
    promoted = queries.promoted_releases(session, limit=2, lock=True)
    if not promoted:
        raise ConflictError(f"no release was promoted; the shipped one, {shipped_name()}, is active")
    left = promoted[0]
    back = promoted[1].name if len(promoted) > 1 else shipped_name()
    if back == left.name:
        raise ConflictError(f"release {back} is the shipped one, and no other was active before it")
    _usable(session, back, models_dir, now)
    left.promoted_at = None
    session.flush()
    _log(session, principal, "model.rolled_back", back, now, {"before": left.name})
    return left.name, back


def _usable(session: Session, name: str, models_dir: Path, now: datetime) -> ModelRelease:
    """The row of a release that loads and is what was registered."""
    manifest = run_blocking(load_release, name, models_dir).manifest
    row = queries.find_release(session, name) or _note(session, manifest, now)
    if row.digest != manifest.model_sha256:
        raise ModelError(f"release {name}: its model is not the one that was registered on {row.added_at:%Y-%m-%d}")
    return row


def _note(session: Session, manifest: Manifest, now: datetime) -> ModelRelease:
    if (old := queries.find_release(session, manifest.name)) is not None:
        if old.digest != manifest.model_sha256:
            raise ConflictError(f"another release called {manifest.name} was registered on {old.added_at:%Y-%m-%d}")
        return old
    values = asdict(manifest)
    values |= {"classes": list(manifest.classes), "features": list(manifest.features)}
    return queries.add_release(session, name=manifest.name, digest=manifest.model_sha256, manifest=values, now=now)


def _log(
    session: Session, principal: Principal, action: str, name: str, now: datetime, details: dict[str, str]
) -> None:
    audit.add_entry(
        session, action, at=now, actor_id=principal.actor_id, object_kind=_KIND, object_id=name, details=details
    )
