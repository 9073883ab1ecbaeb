"""Deliveries that did not arrive are found without looking at all that did.

Runs: before the code, with every worker stopped.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ASTRAY = sa.text("status IN ('dead', 'rejected', 'skipped')")


def upgrade() -> None:
    op.create_index(
        "ix_delivery_astray",
        "delivery",
        ["lane", "status", "id"],
        postgresql_where=ASTRAY,
        sqlite_where=ASTRAY,
    )
