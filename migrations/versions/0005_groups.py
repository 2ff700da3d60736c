"""Invitations to groups, who ran a recording for its owner, and the audit log by object.

Revision: 0005; follows: 0004; made: 2026-11-23 05:05:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "group_invitation",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("group_id", BIG_ID, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("invited_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["group.id"], name=op.f("fk_group_invitation_group_id_group"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_invitation")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_group_invitation_key_hash")),
        sa.UniqueConstraint("group_id", "email", name=op.f("uq_group_invitation_group_id_email")),
    )
    op.create_index(op.f("ix_group_invitation_email"), "group_invitation", ["email"])
    with op.batch_alter_table("recording") as table:
        table.add_column(sa.Column("run_by_id", BIG_ID, nullable=True))
        table.create_foreign_key(
            op.f("fk_recording_run_by_id_user"), "user", ["run_by_id"], ["id"], ondelete="SET NULL"
        )
        table.create_index("ix_recording_run_by_id", ["run_by_id"])
    op.create_index(op.f("ix_audit_entry_object_kind_object_id_at"), "audit_entry", ["object_kind", "object_id", "at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_audit_entry_object_kind_object_id_at"), table_name="audit_entry")
    with op.batch_alter_table("recording") as table:
        table.drop_index("ix_recording_run_by_id")
        table.drop_constraint(op.f("fk_recording_run_by_id_user"), type_="foreignkey")
        table.drop_column("run_by_id")
    op.drop_table("group_invitation")
