"""AS2 messages of ours: made once, stored before the first try, kept with what their receipt said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, update

from gateway.store.engine import Record, Tx, View
from gateway.store.schema import as2_message

_t = as2_message


def of_delivery(view: View, delivery_id: int) -> Record | None:
    """The message that carries a delivery, if it is made."""
    return view.first(select(_t).where(_t.c.delivery_id == delivery_id))


def locked(tx: Tx, delivery_ids: Sequence[int]) -> dict[int, Record]:
    """The messages of these deliveries, by delivery; whoever else wants to say something of them waits."""
    query = select(_t).where(_t.c.delivery_id.in_(list(delivery_ids))).order_by(_t.c.delivery_id)
    return {row.delivery_id: row for row in tx.all(query if tx.is_sqlite else query.with_for_update())}


def spoken_of(view: View, connection: str, message_id: str) -> Record | None:
    """Security rule 10: the message of this id that went to this partner, never another partner's.

    Some products drop the angle brackets. In a writing transaction the row is locked.
    """
    query = select(_t).where(_t.c.connection == connection, _t.c.message_id == f"<{message_id.strip('<>')}>")
    return view.first(query.with_for_update() if isinstance(view, Tx) and not view.is_sqlite else query)


def taken(tx: Tx, delivery_ids: Sequence[int]) -> None:
    """Their server took these once more, and owes the receipt."""
    tx.execute(update(_t).where(_t.c.delivery_id.in_(list(delivery_ids))).values(sendings=_t.c.sendings + 1))


def judged(tx: Tx, delivery_id: int, **values: Any) -> None:
    """What a receipt says of a message: standing, said, receipt_payload_id."""
    said: Mapping[str, Any] = {**values, "judged_at": tx.now}
    tx.execute(update(_t).where(_t.c.delivery_id == delivery_id).values(said))
