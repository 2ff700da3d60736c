"""Streams that a page starts: the bundled demo recording, or a simulated person, in the server's background.

They take the way of every tracker, through the real client, over a connection to the server's own address and with a
token of their own. So what is seen on the page is what a tracker would make it.
"""

from __future__ import annotations

import logging
import random
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from focus.analysis.synthetic import TRACKERS
from focus.client import stream
from focus.client.sources.base import Source
from focus.client.sources.replay import ReplaySource
from focus.client.sources.synthetic import SyntheticSource
from focus.demo import DEMO_PATH
from focus.errors import ConflictError, FocusError, ParameterError, StorageError
from focus.services import accounts
from focus.services.accounts import Principal
from focus.services.ingest import IngestEngine

logger = logging.getLogger(__name__)

MAX_RUNNING: Final = 3
"""For each user. A stream costs the server about as much as a tracker and its person together."""

SIMULATION_S: Final = 600.0
TOKEN_TERM: Final = timedelta(hours=2)
OPEN_S: Final = 10.0
GIVE_UP_S: Final = 30.0

__all__ = ["DemoRunner", "start_demo"]


def start_demo(app: Any, principal: Principal, *, kind: str) -> str:
    """The id of a recording that has just been opened for this user and fills by itself.

    Parameters
    ----------
    app : application
        Whose `extensions` hold the runner.
    principal : Principal
        Who will own the recording.
    kind : {"replay", "synthetic"}
        The demo recording, or a simulated person.

    Raises
    ------
    ParameterError
        If there is no such kind.
    ConflictError
        If this user has too many of them running, or the stream does not begin.
    """
    runner: DemoRunner = app.extensions["focus.demos"]
    return runner.start(principal, kind=kind)


class DemoRunner:
    """Runs the streams of one server.

    Parameters
    ----------
    engine : IngestEngine
        Of this server; its writer makes the tokens, and the streams end with it.
    server_url : str
        Where this server listens.
    """

    def __init__(self, engine: IngestEngine, server_url: str) -> None:
        self._engine = engine
        self._server_url = server_url
        self._running: dict[int, int] = {}
        self._lock = threading.Lock()
        self._makers: dict[str, Callable[[], Source]] = {"replay": _replay, "synthetic": _synthetic}

    def start(self, principal: Principal, *, kind: str) -> str:
        """As `start_demo`."""
        if kind not in self._makers:
            raise ParameterError(f"there is no demo {kind!r}; there are: {', '.join(self._makers)}")
        with self._lock:
            if self._running.get(principal.user_id, 0) >= MAX_RUNNING:
                raise ConflictError(f"{MAX_RUNNING} demos are running already; stop one of them first")
            self._running[principal.user_id] = self._running.get(principal.user_id, 0) + 1
        recording_id = str(uuid.uuid4())
        opened = threading.Event()
        failure: list[str] = []
        arguments = (principal, kind, recording_id, opened, failure)
        threading.Thread(target=self._run, args=arguments, name="focus-demo", daemon=True).start()
        if not opened.wait(OPEN_S) or failure:
            raise ConflictError(f"the demo did not begin: {failure[0] if failure else f'nothing in {OPEN_S:g} s'}")
        return recording_id

    def _run(
        self, principal: Principal, kind: str, recording_id: str, opened: threading.Event, failure: list[str]
    ) -> None:
        def should_stop() -> bool:
            opened.set()  # asked for the first time when the server has opened the recording
            return not self._engine.is_running

        token_id = None
        try:
            token_id, secret = self._engine.write(lambda session: _create_token(session, principal))
            result = stream(
                self._makers[kind](),
                self._server_url,
                secret,
                recording=recording_id,
                task="demo" if kind == "replay" else "simulation",
                device="this server",
                give_up_after_s=GIVE_UP_S,
                should_stop=should_stop,
            )
            logger.info("demo %s has ended after %d frames", recording_id, result.frames_stored)
        except FocusError as err:
            # The usual end of one that its user stopped: the recording is closed or gone.
            logger.info("demo %s has ended: %s", recording_id, err.message)
            failure.append(err.message)
        except Exception:
            logger.exception("demo %s failed", recording_id)
            failure.append("something went wrong in the server")
        finally:
            opened.set()
            with self._lock:
                self._running[principal.user_id] -= 1
            if token_id is not None:
                self._revoke(principal, token_id)

    def _revoke(self, principal: Principal, token_id: int) -> None:
        def work(session: Session) -> None:
            accounts.revoke_token(session, principal, token_id)

        try:
            self._engine.write(work)
        except (StorageError, FocusError) as err:
            logger.warning("the token of a demo runs out by itself: %s", err.message)


def _create_token(session: Session, principal: Principal) -> tuple[int, str]:
    user = accounts.get_user(session, principal.user_id)
    token, secret = accounts.create_token(
        session, user, name="Demo in the background", scopes=["frames:write"], expires=TOKEN_TERM
    )
    return token.id, secret


def _replay() -> Source:
    return ReplaySource(DEMO_PATH)


def _synthetic() -> Source:
    seed = random.SystemRandom().randrange(2**31)
    return SyntheticSource(seed=seed, duration_s=SIMULATION_S, tracker=TRACKERS["desktop"])
