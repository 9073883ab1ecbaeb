"""Where a document stands in a file without an envelope, and which of several in one set it is.

Runs: before the code.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("document", sa.Column("part", sa.Integer(), nullable=True))
    op.add_column("document", sa.Column("place", sa.Text(), nullable=True))
