"""An AS2 message as it came, from the store: whole, or made again of its document and what stood around that."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.as2.around import again
from gateway.store import payloads
from gateway.store.engine import Record, Store, View
from gateway.store.schema import payload

LARGE = 64 * 1024
"""From so many bytes of content on, a message is stored once. What stands around it is a few KB in any case."""

AROUND = "application/vnd.gateway.around+json"
"""The media type of a wire that is only what stood around the document."""

MIC = "mic "
"""How the digest of a document begins that was not hashed beside the part that was signed: the receipt has the rest."""


def whole(view: View, row: Record) -> bytes:
    """What came as this transmission; raises like every reader of bodies."""
    wire = view.by_ids(payload, [row.wire_payload_id])[0]
    if wire.media_type != AROUND:
        return payloads.read_all(view, wire.id)
    return b"".join(again(payloads.read_all(view, wire.id), payloads.stream(view, row.payload_id)))


def body(store: Store, row: Record, wire: Record, size: int) -> Iterator[bytes] | None:
    """The same without its headers, if it may be of this size."""
    if wire.media_type == AROUND:
        return again(payloads.read_all(store, wire.id), payloads.stream(store, row.payload_id), with_head=False)
    return payloads.stream(store, wire.id, offset=wire.size - size) if wire.size >= size else None
