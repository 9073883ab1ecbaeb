"""Uploads: what a partner is writing, has written under a temporary name, or gave us a while ago.

Runs: before the code.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "upload",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("payload_id", ID),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text),
        sa.Column("writer", sa.Text),
        sa.Column("transmission_id", ID),
        sa.Column("touched_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("connection", "name", name="pk_upload"),
    )
    op.create_index("ix_upload_connection_touched_at", "upload", ["connection", "touched_at"])
