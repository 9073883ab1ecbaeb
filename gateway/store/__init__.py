"""The database: tables, and the queries that belong to each of them.

`Store.open(url, keys)` opens it; `with store.begin() as tx` writes, `with store.read() as view` reads one snapshot.
Every other file is one aggregate: functions that take a transaction first.
"""

from __future__ import annotations

from gateway.store.engine import Store, Tx, View

__all__ = ["Store", "Tx", "View"]
