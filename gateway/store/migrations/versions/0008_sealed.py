"""PostgreSQL keeps a sealed body in its row, and does not try to compress what looks like noise.

Bodies that are there stay as they are. Runs: before the code, with every worker stopped.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    for table in ("canonical", "payload_chunk"):
        op.execute(f"ALTER TABLE {table} ALTER COLUMN sealed SET STORAGE EXTERNAL")
        op.execute(f"ALTER TABLE {table} SET (toast_tuple_target = 8160)")  # larger ones are kept in pieces
