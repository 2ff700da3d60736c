"""What a stranger may ask for, and what is mailed: registering, confirming an address, a new password, a new address.

Whether an address is known must not show, neither in an answer nor in the time it takes. So a page only takes the
request (`AccountDesk`) and answers; what becomes of it is done by a task in the background, and only a mail tells.

The functions take a session and commit nothing; the desk commits what they did before it mails.
"""

from __future__ import annotations

import logging
import queue
import smtplib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from focus.errors import AuthenticationError, BusyError, ConflictError, FocusError
from focus.services import accounts, groups
from focus.services.links import CHANGE_EMAIL, RESET, VERIFY, LinkMaker
from focus.services.mail import Letter, Mailer
from focus.services.passwords import hash_password, is_password
from focus.storage import accounts as queries
from focus.storage import audit
from focus.storage import logins as login_queries
from focus.storage.account_models import User

logger = logging.getLogger(__name__)

RESET_HOLDS: Final = timedelta(hours=1)
MAX_WAITING: Final = 1000

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Correspondence:
    """How mailed links are made: signed with what, beginning with which address, holding for how long."""

    links: LinkMaker
    url: str
    verify_holds: timedelta

    def link(self, path: str, token: str) -> str:
        return f"{self.url}/{path}/{token}"


# -- what is asked for ------------------------------------------------------------------------------------------------


def register(
    session: Session,
    post: Correspondence,
    *,
    email: str,
    password_hash: str,
    display_name: str = "",
    now: datetime | None = None,
) -> Letter:
    """Make an account that waits for its address to be confirmed, or tell the owner of the address that it has one.

    Whoever registered an address before without confirming it has proved nothing: the newest password counts.
    """
    now = now or datetime.now(UTC)
    user = queries.find_user_by_email(session, email)
    if user is None:
        user = User(
            email=email,
            display_name=accounts.clean_text(display_name)[:120],
            password_hash=password_hash,
            role="member",
            is_active=True,
            email_verified_at=None,
            created_at=now,
        )
        accounts.add_user(session, user)
    elif user.email_verified_at is None and user.is_active:
        user.password_hash = password_hash
        user.display_name = accounts.clean_text(display_name)[:120]
        session.flush()
    else:
        return _letter(
            user,
            "known",
            "You have a FOCUS account already",
            "Somebody, perhaps you, asked for a FOCUS account with this address. There is one already, and it stays as "
            f"it is.\n\nLog in: {post.url}/login\nForgot the password: {post.url}/forgot\n",
        )
    return verification(session, post, user, now=now)


def verification(session: Session, post: Correspondence, user: User, *, now: datetime | None = None) -> Letter:
    """The letter whose link confirms an account's address."""
    token = post.links.make(session, user, VERIFY, holds=post.verify_holds, now=now)
    return _letter(
        user,
        VERIFY,
        "Confirm your address for FOCUS",
        "Welcome to FOCUS. Open this link and give the password you chose; then the account is yours:\n\n"
        f"{post.link('verify', token)}\n\n{_holds(post.verify_holds)} If you asked for no account, do nothing: "
        "without your password nobody can use it.\n",
    )


def forgot(session: Session, post: Correspondence, *, email: str, now: datetime | None = None) -> Letter | None:
    """The letter with which a new password is set; None if there is no such account, or it is disabled."""
    user = queries.find_user_by_email(session, email)
    return None if user is None or not user.is_active else reset_letter(session, post, user, now=now)


def reset_letter(session: Session, post: Correspondence, user: User, *, now: datetime | None = None) -> Letter:
    """The letter with which this person sets a new password; also after an administrator made the old one worthless."""
    token = post.links.make(session, user, RESET, holds=RESET_HOLDS, now=now)
    return _letter(
        user,
        RESET,
        "Set a new FOCUS password",
        "Open this link to set a new password for your FOCUS account:\n\n"
        f"{post.link('reset', token)}\n\n{_holds(RESET_HOLDS)} If you did not ask for it, do nothing: your password "
        "stays as it is.\n",
    )


def change_of_email(
    session: Session, post: Correspondence, *, user_id: int, email: str, now: datetime | None = None
) -> Letter | None:
    """The letter to the new address; its owner learns it where the address belongs to another account already."""
    user = queries.find_user(session, user_id)
    if user is None or not user.is_active:
        return None
    taken = queries.find_user_by_email(session, email)
    if taken is not None:
        return _letter(
            taken,
            "taken",
            "Your address was named in FOCUS",
            "Somebody, perhaps you, wanted to use this address for another FOCUS account. It belongs to an account "
            "already, and nothing was changed.\n",
        )
    token = post.links.make(session, user, CHANGE_EMAIL, holds=post.verify_holds, email=email, now=now)
    return Letter(
        user.id,
        CHANGE_EMAIL,
        email,
        "Confirm your new address for FOCUS",
        "Open this link to use this address for your FOCUS account:\n\n"
        f"{post.link('email', token)}\n\n{_holds(post.verify_holds)} If you did not ask for it, do nothing.\n",
    )


# -- what the links do ------------------------------------------------------------------------------------------------


def confirm_address(
    session: Session, links: LinkMaker, token: str, *, password: str, now: datetime | None = None
) -> User:
    """The account whose address is confirmed now: the link came back, with the password that was chosen.

    The link alone is not enough. Else a stranger could register somebody's address, have its owner press the link in
    good faith, and hold a confirmed account in their name.

    Raises
    ------
    AuthenticationError
        If the link is worthless or the password is not the account's; with a wrong password the link still works.
    """
    link = links.read(session, token, VERIFY, now=now)
    if not is_password(link.user.password_hash, password):
        raise AuthenticationError("this is not the password you chose")
    links.use(session, token, VERIFY, now=now)
    link.user.email_verified_at = now or datetime.now(UTC)
    _note(session, "user.verified", link.user.id, now)
    return link.user


def set_forgotten_password(
    session: Session, links: LinkMaker, token: str, *, password: str, now: datetime | None = None
) -> User:
    """Set a new password by a mailed link; every browser that was logged in is out, and the address is proved.

    Raises
    ------
    AuthenticationError
        If the link is worthless.
    ParameterError
        If the password is not acceptable; then the link still works.
    """
    user = links.read(session, token, RESET, now=now).user
    new_hash = hash_password(password, email=user.email)
    links.use(session, token, RESET, now=now)
    user.password_hash = new_hash
    user.email_verified_at = user.email_verified_at or now or datetime.now(UTC)
    login_queries.delete_logins(session, user_id=user.id)
    _note(session, "user.password_reset", user.id, now)
    return user


def set_email(session: Session, links: LinkMaker, token: str, *, now: datetime | None = None) -> tuple[User, Letter]:
    """Give an account the address to which the link was mailed; with the letter that tells the old one.

    Raises
    ------
    AuthenticationError
        If the link is worthless.
    ConflictError
        If another account took the address meanwhile.
    """
    link = links.use(session, token, CHANGE_EMAIL, now=now)
    user = link.user
    if queries.find_user_by_email(session, link.email) is not None:
        raise ConflictError("another account has taken this address")
    letter = _letter(
        user,
        "email_changed",
        "Your FOCUS account has a new address",
        "Your FOCUS account has another e-mail address from now on, and this one gets no more mail. If that was not "
        "you, write to the people who run this FOCUS at once.\n",
    )
    user.email = link.email
    user.email_verified_at = now or datetime.now(UTC)
    session.flush()
    _note(session, "user.email_changed", user.id, now)
    return user, letter


def _letter(user: User, kind: str, subject: str, text: str) -> Letter:
    return Letter(user.id, kind, user.email, subject, text)


def _holds(term: timedelta) -> str:
    hours = round(term.total_seconds() / 3600)
    return f"It works once, for {hours} hour{'s' if hours != 1 else ''}."


def _note(session: Session, action: str, user_id: int, now: datetime | None) -> None:
    audit.add_entry(
        session,
        action,
        at=now or datetime.now(UTC),
        actor_id=user_id,
        object_kind="user",
        object_id=str(user_id),
    )


# -- the desk ---------------------------------------------------------------------------------------------------------

Work = Callable[[Session], Letter | None]


class AccountDesk:
    """Takes requests from pages and works them off in one task in the background.

    Parameters
    ----------
    open_session : callable
        Gives a database session of its own.
    post : Correspondence
        How links are made.
    mailer : Mailer
        Takes the letters.
    """

    def __init__(
        self, open_session: Callable[[], AbstractContextManager[Session]], post: Correspondence, mailer: Mailer
    ) -> None:
        self.post = post
        self._open_session = open_session
        self._mailer = mailer
        self._waiting: queue.Queue[Work] = queue.Queue(MAX_WAITING)
        self._lock = threading.Lock()
        self._task: threading.Thread | None = None

    def register(self, *, email: str, password_hash: str, display_name: str = "") -> None:
        """As `registration.register`, later."""
        self._take(
            lambda session: register(
                session, self.post, email=email, password_hash=password_hash, display_name=display_name
            )
        )

    def forgot(self, email: str) -> None:
        """As `registration.forgot`, later."""
        self._take(lambda session: forgot(session, self.post, email=email))

    def change_email(self, user_id: int, email: str) -> None:
        """As `registration.change_of_email`, later."""
        self._take(lambda session: change_of_email(session, self.post, user_id=user_id, email=email))

    def verify_again(self, email: str) -> None:
        """Another letter for an account whose address is not confirmed yet."""

        def work(session: Session) -> Letter | None:
            user = queries.find_user_by_email(session, email)
            if user is None or user.email_verified_at is not None or not user.is_active:
                return None
            return verification(session, self.post, user)

        self._take(work)

    def send_reset(self, user_id: int) -> None:
        """The letter with which this person sets a new password, whose old one an administrator made worthless."""

        def work(session: Session) -> Letter | None:
            user = queries.find_user(session, user_id)
            return None if user is None or not user.is_active else reset_letter(session, self.post, user)

        self._take(work)

    def mail(self, letter: Letter) -> None:
        """A letter that is written already."""
        self._take(lambda _session: letter)

    def invite(self, *, group_id: int, email: str, key: str) -> None:
        """The letter of `groups.invitation_letter`, later: it looks the address up, and that must not show."""
        self._take(
            lambda session: groups.invitation_letter(session, self.post.url, group_id=group_id, email=email, key=key)
        )

    def finish(self) -> None:
        """Wait until all that was taken is done; for tests and for the end of the server."""
        self._waiting.join()

    def _take(self, work: Work) -> None:
        with self._lock:
            if self._task is None:
                self._task = threading.Thread(target=self._serve, name="focus-desk", daemon=True)
                self._task.start()
        try:
            self._waiting.put_nowait(work)
        except queue.Full:
            raise BusyError(f"{MAX_WAITING} requests wait already; try again in a minute") from None

    def _serve(self) -> None:
        while True:
            work = self._waiting.get()
            try:
                self._do(work)
            except FocusError as err:
                logger.warning("a request about an account came to nothing: %s", err.code)
            except (OSError, smtplib.SMTPException) as err:
                # Its text may hold the address.
                logger.error("a message could not be sent: %s", type(err).__name__)
            except Exception:
                logger.exception("a request about an account failed")
            finally:
                self._waiting.task_done()

    def _do(self, work: Work) -> None:
        with self._open_session() as session:
            letter = work(session)
            session.commit()
        if letter is not None:
            self._mailer.send(letter)
