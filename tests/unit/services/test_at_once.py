"""Two requests of the same moment: both find what was there before, one waits for the other, and neither fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from focus.errors import ConflictError
from focus.services import accounts, groups, my_data, profile
from focus.services.accounts import Principal
from focus.services.profile import ProfileAnswers
from focus.storage.account_models import GroupInvitation, Profile
from tests.unit.services.at_once import commit_between


def answer(session: Session, who: Principal) -> None:
    profile.save_profile(session, who, ProfileAnswers(birth_year=1990))


def invite(session: Session, who: Principal) -> None:
    (row,) = groups.list_own_groups(session, who)
    groups.invite(session, who, row.group.id, "ada@example.org")


@pytest.mark.parametrize(("work", "model"), [(answer, Profile), (invite, GroupInvitation)])
def test_of_two_at_once_one_row_is_left(
    database_engine: Engine, work: Callable[[Session, Principal], None], model: type[Profile | GroupInvitation]
) -> None:
    with Session(database_engine) as session:
        rita = accounts.principal_of_user(accounts.create_user(session, "rita@example.org", role="researcher"))
        groups.create_group(session, rita, "Readers")
        session.commit()
    first, second = Session(database_engine), Session(database_engine)
    assert [session.scalar(select(func.count()).select_from(model)) for session in (first, second)] == [0, 0]

    work(first, rita)
    commit_between(
        database_engine,
        first,
        second,
        lambda session: (work(session, rita), session.commit()),
        at=f"INSERT INTO {model.__tablename__}",
    )

    assert first.scalar(select(func.count()).select_from(model)) == 1
    first.close()
    second.close()


@pytest.mark.parametrize("way", ["role", "disabled", "deleted"])
def test_of_two_administrators_who_go_at_once_one_stays(database_engine: Engine, tmp_path: Path, way: str) -> None:
    with Session(database_engine) as session:
        one, two = (
            accounts.principal_of_user(accounts.create_user(session, f"{name}@example.org", role="admin"))
            for name in ("one", "two")
        )
        accounts.create_user(session, "member@example.org")
        session.commit()

    def go(session: Session, who: Principal) -> None:
        if way == "role":
            accounts.set_role(session, who, who.user_id, "member")
        elif way == "disabled":
            accounts.set_active(session, who, who.user_id, is_active=False)
        else:
            my_data.delete_account(session, who, instance=tmp_path)

    first, second = Session(database_engine), Session(database_engine)
    # Both have seen that there are two administrators before one of them goes, as two requests at the same moment have.
    assert [len(accounts.list_users(session, one)) for session in (first, second)] == [3, 3]
    go(first, one)
    first.flush()
    with pytest.raises(ConflictError, match="last active administrator"):
        commit_between(
            database_engine,
            first,
            second,
            lambda session: go(session, two),
            at='DELETE FROM "user"' if way == "deleted" else 'UPDATE "user"',
        )

    first.close()
    second.close()
