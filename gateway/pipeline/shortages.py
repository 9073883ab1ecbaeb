"""shortages: what a person decides where a warehouse did not ship all, or answers an order that is none of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import update

from gateway.flows import warehouse_order
from gateway.pipeline import again, matching
from gateway.pipeline.house import at_desk
from gateway.pipeline.preview import Preview
from gateway.pipeline.route import Fact, happen, states
from gateway.store import work_items
from gateway.store.engine import Store, Tx, View
from gateway.store.schema import work_item

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
        try:
            return matching.preview(view, item.subject_id, means)
        except again.CannotRunAgain as error:
            raise NoDecision(f"{error}. {item.what_to_do}") from None
    word, n = _decision(asked, means)
    said = DECISIONS[word].format(n=n, item=asked["item"])
    return Preview(f"{word.capitalize()} {n} of {asked['item']}", (said, "The CRM is told the same."))


def decide(store: Store, item: Any, asked: Mapping[str, Any], means: str, *, by: str) -> tuple[str, tuple[int, ...]]:
    """Carry a decision out; returns what was said, and the documents that run again. Raises NoDecision."""
    with store.begin() as tx:
        if item.code == UNMATCHED:
            try:
                number = matching.match(tx, at_desk(tx), item.subject_id, means, by=by)
            except again.CannotRunAgain as error:
                raise NoDecision(f"{error}. {item.what_to_do}") from None
            said = f"it answers warehouse order {number}"
            _note(tx, item, asked, said, by)
            return said, (item.subject_id,)
        word, n = _decision(asked, means)
        said = f"{word} {n} of {asked['item']}"
        _note(tx, item, asked, said, by)
        if not work_items.settle(tx, [item.id], by):
            raise NoDecision(f"W-{item.id} was settled meanwhile; your answer was not saved")
        happen(tx, at_desk(tx), [_decided(tx, item, asked, word, n, by)])
        return said, ()


def _decided(tx: Tx, item: Any, asked: Mapping[str, Any], word: str, n: Decimal, by: str) -> Fact:
    kind, key = asked["flow"]
    mine = (kind, key, item.lane)
    state = states(tx, warehouse_order.WarehouseOrderState, {mine})[mine]
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


def _note(tx: Tx, item: Any, asked: Mapping[str, Any], said: str, by: str) -> None:
    told = {"said": said, "scope": "once", "rows": ""}
    data = json.dumps({**asked, "answer": told})
    tx.execute(update(work_item).where(work_item.c.id == item.id).values(data=data))
    again.note(tx, by, "answer", f"W-{item.id}", said=said)
