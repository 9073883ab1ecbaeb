"""What the road is to know of a canonical document whose interchange is still being read.

Runs: before the code.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("canonical", sa.Column("gist", sa.Text(), nullable=True))
