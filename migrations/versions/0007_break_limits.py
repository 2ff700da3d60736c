"""After how many minutes a person wants a break.

Revision: 0007; follows: 0006; made: 2026-11-23 05:28:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("profile") as table:
        table.add_column(sa.Column("short_break_min", sa.Integer(), nullable=True))
        table.add_column(sa.Column("long_break_min", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("profile") as table:
        table.drop_column("long_break_min")
        table.drop_column("short_break_min")
