"""compose: what a flow wants written becomes an outbound document in canonical form, due for its map."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any
from zoneinfo import ZoneInfo

from gateway.canonical import Document, Order, WarehouseOrder
from gateway.canonical.gs1 import SerialsExhausted, sscc
from gateway.flows import answers
from gateway.lifecycle import DocumentStatus
from gateway.partners.agreement import Agreement
from gateway.partners.book import Book
from gateway.pipeline.alert import Alert
from gateway.store import canonical_documents, control_numbers
from gateway.store.engine import Tx
from gateway.store.ids import take
from gateway.store.schema import document


@dataclass(frozen=True, slots=True)
class Wanted:
    """One document a flow asked for."""

    name: str  # of the command, for the work item if it cannot be made
    kind: str
    fact: Mapping[str, Any]
    source_id: int  # the order it follows from
    flow_key: str
    lane: str
    partner: str  # who gets it
    agreement: Agreement | None
    correlation_id: str | None


@dataclass(frozen=True, slots=True)
class Composed:
    """A document that is stored now, and what it was made from."""

    id: int
    wanted: Wanted
    source: Order | WarehouseOrder
    made: Document


def compose(tx: Tx, book: Book, wanted: Sequence[Wanted], alerts: list[Alert]) -> list[Composed]:
    """Store what can be made; an alert for what cannot. Returns what was stored."""
    if not wanted:
        return []
    sources = canonical_documents.load(tx, {one.source_id for one in wanted})
    composed = []
    for one, document_id in zip(wanted, take(tx, "document", len(wanted)), strict=True):
        source = sources.get(one.source_id)
        if not isinstance(source, (Order, WarehouseOrder, NoneType)):
            raise TypeError(f"document {one.source_id} is no order")
        try:
            if source is None:
                raise answers.FactIncomplete(f"what order D-{one.source_id} says was deleted by retention")
            if one.agreement is None:
                raise answers.FactIncomplete(f"no agreement says how {one.partner} takes a {one.kind}")
            fact = {**one.fact, **_parties(book, one.agreement)}
            if one.kind == "warehouse-shipping-advice" and "packages" not in fact:  # nobody says how it was packed
                fact["packages"] = [{"lines": {line: str(n)}} for line, n in (fact.get("lines") or {}).items()]
            fact = _numbered(tx, book, one.agreement, fact)
            made = answers.compose(one.kind, source, fact, _local(tx, book, one.agreement))
        except (answers.FactIncomplete, SerialsExhausted, ValueError) as error:
            then = f", then `gateway reprocess D-{one.source_id}`, the order: what is made already is not made twice"
            data = {"kind": one.kind, "reason": str(error).splitlines()[0], "then": then}
            key = f"compose:{one.flow_key}:{one.name}"
            where = f"Order {source.key() if source else one.flow_key.partition('/')[2]}, document D-{one.source_id}"
            about = ("document", one.source_id)
            alerts.append(Alert("cannot-write", one.lane, key, data, where, about, one.partner, one.correlation_id))
            continue
        composed.append(Composed(document_id, one, source, made))
    if composed:
        tx.insert(document, [_row(tx, one) for one in composed])
        canonical_documents.store(tx, [(one.id, one.made) for one in composed])
    return composed


def send(tx: Tx, book: Book, partner: str, lane: str, made: Document) -> int | None:
    """A document that a system of ours, or a person, wants a partner to have; None where no agreement takes it."""
    agreement = book.sending(partner, made.kind, lane)
    if agreement is None:
        return None
    (number,) = take(tx, "document")
    tx.insert(document, [_outbound(tx, number, agreement, made, f"D-{number}", None)])
    canonical_documents.store(tx, [(number, made)])
    tx.wake("write")
    return number


def _row(tx: Tx, one: Composed) -> dict[str, Any]:
    assert one.wanted.agreement is not None
    return _outbound(tx, one.id, one.wanted.agreement, one.made, one.wanted.correlation_id, one.wanted.source_id)


def _outbound(
    tx: Tx, number: int, agreement: Agreement, made: Document, correlation_id: str | None, source_id: int | None
) -> dict[str, Any]:
    """The row of a document that is due for its map."""
    return {
        "id": number,
        "direction": "out",
        "lane": agreement.lane,
        "company": agreement.company,
        "partner": agreement.partner,
        "agreement": agreement.name,
        "standard": agreement.document.standard,
        "set_id": agreement.document.set_id,
        "version": agreement.document.release,
        "status": DocumentStatus.COMPOSED,
        "released": True,
        "kind": made.kind,
        "business_key": made.key(),
        "correlation_id": correlation_id,
        "answers_document_id": source_id,
        "received_at": tx.now,
        "updated_at": tx.now,
        "stage": "write",
        "due_at": tx.now,
    }


def _local(tx: Tx, book: Book, agreement: Agreement) -> dt.datetime:
    """Now, by the clock on our company's wall."""
    zone = ZoneInfo(book.companies[agreement.company].zone)
    return dt.datetime.fromtimestamp(tx.now / 1_000_000, zone)


def _parties(book: Book, agreement: Agreement) -> dict[str, Any]:
    """Who we are and who they are, as a warehouse order names them."""
    us, them = book.companies[agreement.company], book.partners[agreement.partner]
    parties = {
        role: {"name": party.name, "identifiers": {"gln": party.ids.gln} if party.ids.gln else {}}
        for role, party in (("depositor", us), ("warehouse", them))
    }
    return {"parties": parties}


def _numbered(tx: Tx, book: Book, agreement: Agreement, fact: dict[str, Any]) -> dict[str, Any]:
    """The fact with an SSCC of ours on every carton that came without a number, where the agreement wants it.

    Numbers are drawn in the commit that stores the document, under one counter a prefix for both lanes: the label of a
    test carton must never come again on a real one.
    """
    packages = fact.get("packages")
    if agreement.cartons != "numbered" or not isinstance(packages, list):
        return fact
    bare = [one for one in packages if not one.get("sscc")]
    prefix = book.companies[agreement.company].ids.gs1_prefix
    if not bare:
        return fact
    if prefix is None:
        raise answers.FactIncomplete(f"{agreement.company} has no gs1_prefix to number {len(bare)} cartons with")
    drawn = numbers(tx, prefix, len(bare))
    return {**fact, "packages": [one if one.get("sscc") else {**one, "sscc": next(drawn)} for one in packages]}


def numbers(tx: Tx, prefix: str, count: int) -> Iterator[str]:
    """The next SSCCs of a company prefix; divisions that share it share its numbers."""
    counter = control_numbers.Counter("", "", "", f"{control_numbers.FOR_EVER} {prefix}")
    drawn = control_numbers.draw(tx, [counter] * count, rolls=False)[counter]
    return iter([sscc(prefix, n) for n in drawn])
