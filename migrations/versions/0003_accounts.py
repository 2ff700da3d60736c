"""Log-ins as rows, verified addresses, profiles, the calibration of a recording, and when frames were removed.

Revision: 0003; follows: 0002; made: 2026-11-23 03:00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    # Rebuilt on SQLite, so that an id is never given twice: the audit log names people by it for ever.
    always = "always" if op.get_bind().dialect.name == "sqlite" else "auto"
    with op.batch_alter_table("user", recreate=always, table_kwargs={"sqlite_autoincrement": True}) as table:
        table.add_column(sa.Column("email_verified_at", MOMENT, nullable=True))
    # Whoever has an account so far was given it by somebody who knew them.
    op.execute('UPDATE "user" SET email_verified_at = created_at')
    op.create_table(
        "login",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("user_id", BIG_ID, nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("browser", sa.String(length=120), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_login_user_id_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_login_key_hash")),
    )
    op.create_index(op.f("ix_login_user_id"), "login", ["user_id"])
    op.create_table(
        "profile",
        sa.Column("user_id", BIG_ID, nullable=False),
        sa.Column("birth_year", sa.Integer(), nullable=True),
        sa.Column("screen_h_per_day", sa.Double(), nullable=True),
        sa.Column("sleep_h_per_night", sa.Double(), nullable=True),
        sa.Column("eye_strain", sa.String(length=16), nullable=True),
        sa.Column("correction", sa.String(length=16), nullable=True),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("eye_strain IN ('never', 'sometimes', 'often')", name=op.f("ck_profile_eye_strain")),
        sa.CheckConstraint("correction IN ('none', 'glasses', 'lenses', 'both')", name=op.f("ck_profile_correction")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_profile_user_id_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_profile")),
    )
    with op.batch_alter_table("recording") as table:
        table.add_column(sa.Column("calibration", sa.JSON(), nullable=True))
        table.add_column(sa.Column("frames_removed_at", MOMENT, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("recording") as table:
        table.drop_column("frames_removed_at")
        table.drop_column("calibration")
    op.drop_table("profile")
    op.drop_table("login")
    with op.batch_alter_table("user") as table:
        table.drop_column("email_verified_at")
