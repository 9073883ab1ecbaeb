"""What we send over AS2, kept until its receipt has come and after.

Runs: before the code.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "as2_message",
        sa.Column("delivery_id", ID, autoincrement=False, nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("our_as2_name", sa.Text(), nullable=False),
        sa.Column("their_as2_name", sa.Text(), nullable=False),
        sa.Column("mics", sa.Text(), nullable=False),
        sa.Column("receipt_signed", sa.Boolean(), nullable=False),
        sa.Column("payload_id", ID, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("sendings", sa.Integer(), server_default="0", nullable=False),
        sa.Column("standing", sa.Text(), nullable=True),
        sa.Column("said", sa.Text(), nullable=True),
        sa.Column("receipt_payload_id", ID, nullable=True),
        sa.Column("judged_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_as2_message")),
        sa.UniqueConstraint("connection", "message_id", name=op.f("uq_as2_message_connection_message_id")),
    )
    op.create_index(op.f("ix_as2_message_message_id"), "as2_message", ["message_id"])
    op.create_index(op.f("ix_as2_message_payload_id"), "as2_message", ["payload_id"])
