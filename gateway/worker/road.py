"""The road as the worker runs it: which function works which stage, and what is looked at again and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from gateway.lifecycle import DeliveryStatus, DocumentStatus
from gateway.pipeline import (
    as2_send,
    confirm,
    deadlines,
    deliver,
    fetch,
    pack,
    release,
    settle,
    translate,
    unwrap,
    wrap,
    write,
)
from gateway.pipeline.alert import LETTERS, Alert, raise_alerts
from gateway.pipeline.ends import ReceiptOwed, TryAgain
from gateway.pipeline.house import House
from gateway.store import schema
from gateway.store.engine import Record, Tx
from gateway.store.retry import SECOND, GiveUp
from gateway.store.targets import Limits
from gateway.worker.deliveries import Again, Deliveries, Tried
from gateway.worker.stage import Stage


def stages(house: House) -> list[Stage]:
    """Every stage between a stored transmission and a delivery that is due, in the order of the road."""
    document = schema.document
    return [
        Stage(
            "unwrap",
            schema.transmission,
            partial(unwrap.unwrap, house),
            lambda tx, portions: release.record(tx, house, portions),
            partial(_give_up, "unwrap"),
            batch=200,
            batch_bytes=500_000,  # some 200 documents: what one commit stores while a door waits for its turn
        ),
        Stage(
            "confirm",
            document,
            partial(confirm.read, house),
            lambda tx, results: confirm.record(tx, house, results),
            partial(_give_up, "confirm"),
        ),
        Stage(
            "translate",
            document,
            partial(translate.translate, house),
            lambda tx, results: translate.record(tx, house, results),
            partial(_give_up, "translate"),
        ),
        Stage(
            "route",
            document,
            translate.recall,
            lambda tx, results: translate.record(tx, house, results),
            partial(_give_up, "route"),
            batch=250,
        ),
        Stage(
            "write",
            document,
            partial(write.write, house),
            lambda tx, results: write.record(tx, house, results),
            partial(_give_up, "write"),
        ),
        Stage(
            "wrap",
            document,
            list,  # numbers and bytes are made in the commit that stores them
            lambda tx, rows: wrap.wrap(tx, house, rows),
            partial(_give_up, "wrap"),
            batch=1000,  # a collection is claimed whole: Envelope.max_documents goes no further
        ),
        Stage(
            deadlines.STAGE,
            schema.timer,
            list,
            lambda tx, rows: deadlines.remind(tx, house, rows),
            partial(_give_up, deadlines.STAGE),
        ),
        Stage(deliver.FETCH, schema.delivery, list, fetch.remind, partial(_give_up, deliver.FETCH)),
        Stage(
            "pack",
            schema.delivery,
            partial(pack.pack, house),
            pack.record,
            partial(_give_up, "pack"),
            batch=20,
        ),
        Stage(
            "settle",
            schema.transmission,
            partial(settle.read, house),
            lambda tx, results: settle.record(tx, house, results),
            partial(_give_up, "settle"),
        ),
    ]


TABLES = {
    "unwrap": "transmission",
    "settle": "transmission",
    "pack": "delivery",
    "deliver": "delivery",
    deliver.FETCH: "delivery",
    deadlines.STAGE: "timer",
}  # stage -> whose rows; all others are documents'


UNATTENDED = frozenset({deadlines.STAGE, deliver.FETCH})
"""Stages whose rows nobody can start again: a person has no name for a timer, and what lies ready is not sent."""


def _give_up(stage: str, tx: Tx, row: Record, error: str) -> Mapping[str, Any]:
    """Our own code failed on this row again and again: a person is told, and the row keeps its stage."""
    table = TABLES.get(stage, "document")
    name = f"{LETTERS.get(table, table)}-{row.id}"
    remedy = f"Run it again after an upgrade (`gateway reprocess {name}`)."
    again: Mapping[str, Any] = {"status": DocumentStatus(row.status)} if table == "document" else {}
    if stage in UNATTENDED:
        remedy = "It is tried again every hour by itself; settle this after an upgrade."
        again = {"stage": stage, "due_at": tx.now + 3600 * SECOND}
    elif table == "delivery":
        remedy = f"Send it again after an upgrade (`gateway resend {name}`)."
    alert = Alert(
        "our-fault",
        row.lane,
        f"{table}:{row.id}:{stage}",
        {"stage": stage, "subject": name, "error": error, "remedy": remedy},
        name,
        (table, row.id),
        getattr(row, "partner", None),
        getattr(row, "correlation_id", None),
    )
    raise_alerts(tx, [alert])
    return again


def deliveries(house: House, limits: Callable[[str], Limits] = lambda target: Limits()) -> Deliveries:
    """How everything we owe is sent, and what its end means."""
    return Deliveries(
        send=partial(deliver.send, house),
        again=_again,
        unexpected=lambda error: TryAgain(f"a defect of ours: {type(error).__name__}", None, uncertain=True),
        record_ends=partial(_record_ends, house),
        overtaken=as2_send.overtaken,
        limits=limits,
        stop=lambda tx, row, error: {**_give_up("deliver", tx, row, error), "status": DeliveryStatus.DEAD},
    )


def _again(end: Any) -> Again | None:
    match end:
        case TryAgain():
            return Again(end.why, int((end.after or 0) * SECOND), enough=end.enough)
        case ReceiptOwed(within):
            return Again("their server took it; its receipt is owed", int(within * SECOND), taken=True)
    return None


def _record_ends(house: House, tx: Tx, tried: Sequence[Tried]) -> Sequence[tuple[Record, Mapping[str, Any]]]:
    ended = [deliver.Tried(one.row, one.end, isinstance(one.decision, GiveUp)) for one in tried]
    return deliver.record(tx, house, ended)
