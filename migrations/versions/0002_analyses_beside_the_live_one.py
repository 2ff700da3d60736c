"""Analyses that were asked for stand beside the live one, and one of them can be chosen.

Revision: 0002; follows: 0001; made: 2026-11-23 02:45:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("analysis") as table:
        table.add_column(sa.Column("origin", sa.String(length=10), server_default="live", nullable=False))
        table.add_column(sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=True))
        table.create_check_constraint("origin", "origin IN ('live', 'again')")


def downgrade() -> None:
    op.execute("DELETE FROM analysis WHERE origin = 'again'")
    with op.batch_alter_table("analysis") as table:
        table.drop_constraint("origin", type_="check")
        table.drop_column("chosen_at")
        table.drop_column("origin")
