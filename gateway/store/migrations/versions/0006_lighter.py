"""The gist stands in the document's own row, where the claim reads it; indexes that no query used are gone.

Runs: before the code, with every worker stopped.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("document", sa.Column("gist", sa.Text(), nullable=True))
    op.execute(
        "UPDATE document SET gist = (SELECT gist FROM canonical WHERE document_id = document.id) WHERE stage = 'route'"
    )
    op.drop_column("canonical", "gist")
    op.drop_index("ix_transmission_received_at", "transmission")
    op.drop_index("ix_document_received_at", "document")
    op.drop_index("ix_document_content", "document")
    op.drop_index("ix_delivery_created_at", "delivery")
    op.drop_index("ix_delivery_payload_id", "delivery")
    given = sa.text("payload_id IS NOT NULL")
    op.create_index("ix_delivery_payload_id", "delivery", ["payload_id"], postgresql_where=given, sqlite_where=given)
