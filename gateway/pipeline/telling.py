"""What rows say to a person: one sentence a document, an event, a delivery. Trace, previews and the demo share them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gateway.pipeline.situations import spoken

KINDS = {
    "order": "order",
    "order-response": "order response",
    "shipment": "ship notice",
    "invoice": "invoice",
    "inventory": "stock report",
    "inventory-adjustment": "stock adjustment",
    "stock-receipt": "stock receipt",
    "stock-transfer": "stock transfer",
    "return": "return",
    "warehouse-order": "warehouse order",
    "warehouse-shipping-advice": "warehouse shipping advice",
    "load-tender": "load tender",
    "tender-response": "answer to a load tender",
    "transport-status": "transport status",
    "acknowledgement": "acknowledgement",
    "file-acknowledgement": "acknowledgement of a file",
}
STANDING = {
    "staged": "its file is still being read",
    "discarded": "its file was cut off, nothing of it was used",
    "invalid": "refused, and its sender was told",
    "held": "set aside for a person",
    "duplicate": "seen before, not used again",
    "valid": "waits for its map",
    "cleared": "a person wants it used; waits for its map",
    "stuck": "our map could not carry it",
    "done": "used",
    "composed": "waits for its map",
    "withheld": "breaks a rule that holds before sending; waits for a person",
    "waived": "a person wants it sent all the same; waits for its map",
    "refused-by-us": "we cannot write it",
    "ready": "waits for its envelope",
    "wrapped": "in its envelope, on its way",
    "sent": "sent",
    "awaiting-confirmation": "sent, their acknowledgement is still owed",
    "confirmed": "sent, and they accepted it",
    "refused": "sent, and they refused it",
    "undelivered": "could not be delivered, or was taken back",
}
OPERATIONS = {
    "submit_order": "the order",
    "change_order": "a change of the order",
    "cancel_order": "the cancellation of the order",
    "update_order": "news of the order",
    "post_shipment": "the shipment",
    "settle_shortage": "what becomes of missing pieces",
    "post_invoice": "the invoice",
    "adjust_inventory": "a stock adjustment",
    "open_return": "a return",
    "open_case": "a case",
}


def kind_words(row: Any) -> str:
    """`850, order HP-1`: what a document is, as far as we know."""
    kind = KINDS.get(row.kind or "", row.kind or "")
    name = " ".join(part for part in (kind, spoken(row.business_key or "")) if part)
    said = f"{row.set_id or row.standard}, {name}" if name else str(row.set_id or row.standard)
    if row.part is not None:
        return f"{said} (part {row.part} of its set)"
    return f"{said} ({row.place})" if row.place else said


def document_words(row: Any, envelope: Any) -> str:
    """A document with its numbers and where it stands now."""
    standing = STANDING.get(row.status, row.status)
    number = f" in interchange {envelope.control_number}" if envelope is not None else ""
    partner = row.partner or (f'sender "{spoken(envelope.sender)}"' if envelope is not None else "an unknown sender")
    way = "from" if row.direction == "in" else "to"
    return f"{kind_words(row)} {way} {partner}{number}: {standing}."


def delivery_words(row: Any) -> str:
    """What a delivery carries."""
    body = json.loads(row.body) if row.body else {}
    if row.kind == "call":
        said = OPERATIONS.get(body.get("operation", ""), str(body.get("operation")))
        status = (body.get("data") or {}).get("status")
        return f"{said} ({status})" if status and body.get("operation") == "update_order" else said
    if row.kind == "webhook":
        return f"event evt_{body.get('event_id')}"
    return f"an envelope with {body.get('set', 'documents')}"


def event_words(kind: str, data: Mapping[str, Any], ids: Mapping[str, str]) -> str:
    """One business fact as a sentence."""
    known = _Known({name: spoken(value) for name, value in data.items()})
    known["kind"] = KINDS.get(str(data.get("kind")), known["kind"])
    match kind:
        case "order.received":
            lines = len(data.get("lines") or {})
            return f"Order {known['order_number']} was understood: {lines} line{'' if lines == 1 else 's'}."
        case "order.submitted":
            return f"{known['system']} has the order as {known['ref']}."
        case "order.refused":
            return f"{known['system']} refuses the order: {known['message']}."
        case "order.accepted":
            return f"The order was accepted{_by(data)}{_as(ids)}."
        case "order.rejected":
            reason = f": {known['reason']}" if data.get("reason") else ""
            return f"The order was rejected{_by(data)}{reason}."
        case "order.released":
            to = f" to {known['site']}" if data.get("site") else " for picking"
            return f"The order was released{to}{_by(data)}."
        case "order.cancelled":
            reason = f": {known['reason']}" if data.get("reason") else ""
            return f"The order was cancelled{_by(data)}{reason}."
        case "warehouse-order.received":
            lines = len(data.get("lines") or {})
            return f"Warehouse order {known['order_number']} was understood: {lines} line{'' if lines == 1 else 's'}."
        case "warehouse-order.released":
            return f"{known['warehouse']} is asked to ship warehouse order {known['number']}{_quantities(data)}."
        case "warehouse-order.cancelled":
            return f"Warehouse order {known['number']} is taken back from {known['warehouse']}."
        case "inventory.adjusted" | "inventory.received":
            moves = ((m["difference"], next(iter(m["identifiers"].values()), "?")) for m in data.get("movements", ()))
            said = ", ".join(f"{spoken(difference)} of {spoken(article)}" for difference, article in moves)
            if kind == "inventory.received":
                return f"Receipt {known['number']}: {said or 'nothing'} came in at {known['partner']}."
            return f"Stock adjustment {known['number']}: {said}."
        case "inventory.announced":
            goods = ", ".join(f"{spoken(one['quantity'])} of {spoken(one['item'])}" for one in data.get("goods", ()))
            by = f", expected {spoken(data['expected'])}" if data.get("expected") else ""
            return f"{known['partner']} sends {goods or 'goods'}, stock transfer {known['number']}{by}."
        case "inventory.reported":
            return f"{known['partner']} reports what it has in stock, number {known['number']}."
        case "return.requested":
            goods = ", ".join(f"{spoken(one['quantity'])} of {spoken(one['sku'])}" for one in data.get("lines", ()))
            about = f" of order {known['order_number']}" if data.get("order_number") else ""
            return f"{known['partner']} wants to send back {goods or 'goods'}{about}, return {known['number']}."
        case "shortage.decided":
            word = {"backorder": "backordered", "cancel": "cancelled"}.get(str(data.get("decision")), "settled")
            return f"{known['quantity']} of line {known['line']} are {word}, says {known['by']}."
        case "shipment.confirmed":
            track = f", tracking {known['tracking_number']}" if data.get("tracking_number") else ""
            place = f" {known['warehouse']}" if data.get("warehouse") else ""
            return f"Shipment {known['number']} left{place}{_quantities(data)}{track}."
        case "shipment.withdrawn":
            return f"Shipment {known['number']} is none of it: {known['by']} put it to {known['instead']}."
        case "invoice.issued":
            total = f", {known['total']} in all" if data.get("total") else ""
            return f"Invoice {known['number']} was issued{total}."
        case "document.confirmed":
            return f"{known['partner']} accepted our {known['kind']} {known['number']}."
        case "document.refused":
            return f"{known['partner']} refused our {known['kind']} {known['number']}."
    return f"{kind.replace('.', ' ').replace('-', ' ').capitalize()}."


def _by(data: Mapping[str, Any]) -> str:
    return f" by {spoken(data['system'])}" if data.get("system") else ""


def _as(ids: Mapping[str, str]) -> str:
    return f" as {', '.join(spoken(value) for value in ids.values())}" if ids else ""


def _quantities(data: Mapping[str, Any]) -> str:
    lines = data.get("lines")
    if not isinstance(lines, dict) or not lines:
        return ""
    return " with " + ", ".join(f"{spoken(quantity)} of line {spoken(line)}" for line, quantity in lines.items())


class _Known(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "(not known)"
