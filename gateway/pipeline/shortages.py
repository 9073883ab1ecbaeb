"""shortages: what a person decides where a warehouse did not ship all, or answers an order that is none of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import select, update

from gateway.flows import warehouse_order
from gateway.partners.book import Book
from gateway.pipeline import again, publishing
from gateway.pipeline.house import House
from gateway.pipeline.preview import Preview
from gateway.pipeline.route import Fact, happen
from gateway.store import work_items
from gateway.store.engine import Store, Tx, View
from gateway.store.schema import document, flow, work_item

SHORT, UNMATCHED = "shipped-short", "advice-unmatched"
CODES = (SHORT, UNMATCHED)
DECISIONS = {
    "backorder": "The ERP is told to release {n} of {item} again when it has them; the customer still gets them.",
    "cancel": "{n} of {item} are taken off the order; the customer does not get them.",
}


class NoDecision(ValueError):
    """What was written decides nothing; the message says what to write."""


def preview(view: View, item: Any, asked: Mapping[str, Any], means: str) -> Preview:
    """What a decision would do. Raises NoDecision."""
    if item.code == UNMATCHED:
        order = _order(view, item, means)
        effects = (
            f"D-{item.subject_id} is used as an answer to warehouse order {order.business_key} (D-{order.id}).",
            "What it ships is posted, and the customer gets the ship notice.",
        )
        return Preview(f"Match shipping advice {asked['number']} with {order.business_key}", effects)
    word, n = _decision(asked, means)
    said = DECISIONS[word].format(n=n, item=asked["item"])
    return Preview(f"{word.capitalize()} {n} of {asked['item']}", (said, "The CRM is told the same."))


def decide(store: Store, item: Any, asked: Mapping[str, Any], means: str, *, by: str) -> tuple[str, tuple[int, ...]]:
    """Carry a decision out; returns what was said, and the documents that run again. Raises NoDecision."""
    with store.begin() as tx:
        if item.code == UNMATCHED:
            order = _order(tx, item, means)
            matched = update(document).where(document.c.id == item.subject_id)
            tx.execute(matched.values(answers_document_id=order.id))
            said = f"it answers warehouse order {order.business_key}"
            _note(tx, item, asked, said, by)
            again.reprocess_document(tx, item.subject_id, by=by)
            return said, (item.subject_id,)
        word, n = _decision(asked, means)
        said = f"{word} {n} of {asked['item']}"
        _note(tx, item, asked, said, by)
        if not work_items.settle(tx, [item.id], by):
            raise NoDecision(f"W-{item.id} was settled meanwhile; your answer was not saved")
        happen(tx, _house(store, tx), [_decided(tx, item, asked, word, n, by)])
        return said, ()


def _decided(tx: Tx, item: Any, asked: Mapping[str, Any], word: str, n: Decimal, by: str) -> Fact:
    kind, key = asked["flow"]
    mine = select(flow.c.state).where(flow.c.kind == kind, flow.c.key == key, flow.c.lane == item.lane)
    state = warehouse_order.WarehouseOrderState.model_validate_json(tx.scalar(mine))
    assert state.released is not None
    order_kind, order_key = state.released["order"]
    data = {"id": f"W-{item.id}", "line": asked["line"], "quantity": str(n), "decision": word, "by": by}
    return Fact(
        type=warehouse_order.DECIDED,
        lane=item.lane,
        partner=order_key.partition("/")[0],
        keys=((kind, key), (order_kind, order_key)),
        data={**data, "warehouse": state.released["warehouse"], "release": state.released["number"]},
        correlation_id=item.correlation_id,
        causation_id=f"W-{item.id}",
        ids=state.ids,
    )


def _decision(asked: Mapping[str, Any], means: str) -> tuple[str, Decimal]:
    """`backorder`, `cancel`, or one of them with a number of pieces."""
    word, _, number = " ".join(means.split()).partition(" ")
    most = Decimal(asked["quantity"])
    try:
        n = Decimal(number) if number else most
    except InvalidOperation:
        n = Decimal(0)
    if word not in DECISIONS or not 0 < n <= most:
        raise NoDecision(
            f"{means!r} decides nothing: write `backorder` or `cancel`, with a number for less than {most}"
        )
    return word, n


def _order(view: View, item: Any, number: str) -> Any:
    wanted = select(document).where(
        document.c.kind == warehouse_order.KIND,
        document.c.direction == "out",
        document.c.partner == item.partner,
        document.c.lane == item.lane,
        document.c.business_key == number.strip(),
    )
    found = view.first(wanted.order_by(document.c.id))
    if found is None:
        raise NoDecision(f"we sent {item.partner} no warehouse order {number!r}. {item.what_to_do}")
    return found


def _note(tx: Tx, item: Any, asked: Mapping[str, Any], said: str, by: str) -> None:
    told = {"said": said, "scope": "once", "rows": ""}
    data = json.dumps({**asked, "answer": told})
    tx.execute(update(work_item).where(work_item.c.id == item.id).values(data=data))
    again.note(tx, by, "answer", f"W-{item.id}", said=said)


def _house(store: Store, view: View) -> House:
    """The profiles that hold now; a decision is carried out wherever it is taken, by whoever has the database."""
    active = publishing.active_hash(view)
    assert active is not None
    book = Book.from_files(publishing.files_of(view, active))

    def nobody(name: str) -> Any:
        raise LookupError(name)

    return House(store, lambda: book, dict, nobody)
