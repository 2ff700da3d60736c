"""Which model release is active: the one that was promoted last, so that a rollback finds the one before.

Revision: 0006; follows: 0005; made: 2026-11-23 05:05:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("model_release") as table:
        table.add_column(sa.Column("promoted_at", sa.DateTime(timezone=True), nullable=True))
        table.drop_column("is_active")


def downgrade() -> None:
    with op.batch_alter_table("model_release") as table:
        table.add_column(sa.Column("is_active", sa.Boolean(), server_default=sa.false(), nullable=False))
        table.drop_column("promoted_at")
    with op.batch_alter_table("model_release") as table:
        table.alter_column("is_active", server_default=None)
