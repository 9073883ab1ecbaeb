"""What a person looks for is found by an index that begins with it, and tables of nothing but their key are one tree.

Runs: before the code, with every worker stopped.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.drop_index("ix_interchange_company_partner_lane_direction_control_number", "interchange")
    op.create_index("ix_interchange_control_number_partner_lane", "interchange", ["control_number", "partner", "lane"])
    op.drop_index("ix_functional_group_functional_id_control_number", "functional_group")
    op.create_index(
        "ix_functional_group_control_number_functional_id", "functional_group", ["control_number", "functional_id"]
    )
    op.drop_index("ix_document_group_id", "document")
    op.drop_index("ix_document_kind_business_key", "document")
    op.create_index("ix_document_business_key_kind", "document", ["business_key", "kind"])
    op.create_index("ix_document_partner_lane_id", "document", ["partner", "lane", "id"])
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint("pk_event_key", "event_key")
        op.create_primary_key("pk_event_key", "event_key", ["key", "kind", "lane", "event_id"])
        return
    text = [sa.Column(name, sa.Text(), nullable=False) for name in ("key", "kind", "lane")]
    _one_tree("event_key", *text, sa.Column("event_id", ID, nullable=False))
    _one_tree("delivery_document", *(sa.Column(name, ID, nullable=False) for name in ("delivery_id", "document_id")))
    op.create_index("ix_delivery_document_document_id", "delivery_document", ["document_id"])


def _one_tree(table: str, *columns: sa.Column[Any]) -> None:
    """Build a table of SQLite anew as the tree of its key."""
    names = [column.name for column in columns]
    op.rename_table(table, f"{table}_before")
    op.create_table(table, *columns, sa.PrimaryKeyConstraint(*names, name=f"pk_{table}"), sqlite_with_rowid=False)
    listed = ", ".join(f'"{name}"' for name in names)
    op.execute(f'INSERT INTO "{table}" ({listed}) SELECT {listed} FROM "{table}_before"')  # noqa: S608 - our names
    op.drop_table(f"{table}_before")
