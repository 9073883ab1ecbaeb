"""Two gateways trade over AS2 while everything breaks that can: nothing is lost, nothing is doubled.

850 -> 997, 855 and 856 -> 997. On the way connections are cut in requests and answers, the receiver is killed before
and after its commit, a receipt is lost, another comes late, a certificate ends without a successor, and both sides
roll over to new ones. The proxies between the two log every request raw.
"""

from __future__ import annotations

import base64
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from cutting_proxy import Fault
from two_gateways import RETAILER, SUPPLIER, Side, at_rest, buy, certificates, statuses, two_gateways, until

from gateway.store import schema
from tests.store.rows import KEY

pytestmark = [pytest.mark.story, pytest.mark.faults]
MESSAGES, RECEIPTS = False, True


def orders_at(supplier: Side, numbers: list[str]) -> bool:
    return dict.fromkeys(numbers, "done").items() <= statuses(supplier, kind="order", direction="in").items()


def ship(supplier: Side, numbers: list[str]) -> None:
    for row in supplier.rows(schema.document, kind="order", direction="in"):
        if row.business_key in numbers:
            supplier.tell(f"orders/D-{row.id}/accept", ids={"erp": f"SO-{row.id}"})
            supplier.tell("shipments", order=f"D-{row.id}", number=f"SH-{row.business_key}", scac="RDWY")


def asked(side: Side) -> Counter[str]:
    return Counter(row.code for row in side.rows(schema.work_item) if row.settled_at is None)


def a_certificate_ends(retailer: Side, supplier: Side, numbers: list[str]) -> None:
    """The supplier's ends and nobody has loaded another: what is owed waits, and a person is asked."""
    certificates(supplier, retailer, ours=["over"], theirs=["old"])
    ship(supplier, numbers)
    until(lambda: asked(supplier)["as2-cannot-pack"] > 0, "the supplier is told that its certificate has ended")


def roll_over(retailer: Side, supplier: Side) -> None:
    """New ones on both sides, one side after the other; for a while each knows both of the other's."""
    certificates(retailer, supplier, ours=["old"], theirs=["old", "new"])
    certificates(supplier, retailer, ours=["old", "new"], theirs=["old", "new"])
    certificates(retailer, supplier, ours=["old", "new"], theirs=["old", "new"])


def check(retailer: Side, supplier: Side, numbers: list[str]) -> None:
    """Lost 0, doubled 0, every repetition the same bytes, every delivery ended by a believed receipt."""
    for side, other in ((retailer, supplier), (supplier, retailer)):
        sent = side.rows(schema.as2_message)
        assert {row.standing for row in sent} == {"acknowledged"}, side.name
        assert {row.status for row in side.rows(schema.delivery)} == {"delivered"}
        arrived = defaultdict(set)
        for one in other.in_front.seen:
            if not one.is_receipt:
                arrived[one.message_id].add(one.body)
        assert set(arrived) == {row.message_id for row in sent}, "a message nobody knows of"
        assert all(len(bodies) == 1 for bodies in arrived.values()), "a repetition had other bytes"
        taken = [row.transport_id for row in other.rows(schema.transmission, status="done") if "@" in row.transport_id]
        assert sorted(taken) == sorted(arrived), "a message was lost or taken twice"
        # What came while the certificate was over and no other was there could not be opened: it came again later.
        open_items = asked(side) - Counter({"as2-refused": len(arrived)})
        assert not open_items, f"{side.name}: {[row.title for row in side.rows(schema.work_item)]}"
    bought = retailer.rows(schema.document, set_id="850")
    assert Counter(row.business_key for row in supplier.rows(schema.document, set_id="850")) == Counter(numbers)
    assert {row.business_key: row.status for row in bought} == dict.fromkeys(numbers, "confirmed")
    for answer in ("855", "856"):
        ours = supplier.rows(schema.document, set_id=answer)
        assert [row.status for row in ours] == ["confirmed"] * len(numbers)
        assert len(retailer.rows(schema.document, set_id=answer)) == len(numbers)


def sent_again_while_held(retailer: Side, supplier: Side) -> bool:
    """No receipt for that message comes through meanwhile, so nothing but a repetition can be answered."""
    since = {one.about: one.at for one in reversed(supplier.in_front.seen) if one.fault is Fault.HELD}
    return any(at > since.get(message_id, at) for message_id, at in retailer.in_front.answered)


BREAKS = [Fault.CUT_REQUEST, Fault.KILL_AFTER, Fault.CUT_ANSWER, Fault.KILL_BEFORE]
FEW = [
    (RETAILER, MESSAGES, Fault.CUT_REQUEST),
    (RETAILER, MESSAGES, Fault.KILL_AFTER),
    (RETAILER, RECEIPTS, Fault.CUT_REQUEST),
    (RETAILER, RECEIPTS, Fault.HELD),
    (SUPPLIER, MESSAGES, Fault.KILL_BEFORE),
    (SUPPLIER, MESSAGES, Fault.CUT_ANSWER),
]
"""Who sent it, what it was, and what happens to it: the first one of this kind, the second, ..."""
MANY = [
    *((who, MESSAGES, fault) for fault in BREAKS for who in (RETAILER, SUPPLIER)),
    *((RETAILER, RECEIPTS, fault) for fault in BREAKS),
    *FEW,
]


@pytest.mark.parametrize(
    ("kind", "count", "faults"),
    [
        pytest.param("sqlite", 1, FEW, id="one"),
        pytest.param("sqlite", 30, MANY, id="sqlite", marks=pytest.mark.slow),
        pytest.param("postgresql", 30, MANY, id="postgresql", marks=pytest.mark.slow),
    ],
)
def test_orders_over_a_network_that_breaks(
    tmp_path: Path, new_database: Callable[[str], str], kind: str, count: int, faults: list[tuple[str, bool, Fault]]
) -> None:
    key, numbers = base64.b64encode(KEY).decode(), [f"PO-{n}" for n in range(count)]
    with two_gateways(tmp_path, lambda name: new_database(kind), key) as (retailer, supplier):
        receiver = {RETAILER: supplier, SUPPLIER: retailer}
        for sender, what, fault in faults:
            receiver[sender].in_front.faults.append((what, fault))
        buy(retailer, numbers)
        until(lambda: orders_at(supplier, numbers), "the orders are at the supplier's")
        a_certificate_ends(retailer, supplier, numbers)
        roll_over(retailer, supplier)
        until(lambda: sent_again_while_held(retailer, supplier), "the message whose receipt is held goes again")
        supplier.in_front.let_go.set()
        until(lambda: at_rest(retailer) and at_rest(supplier), "everything is answered")
        check(retailer, supplier, numbers)
        assert not supplier.in_front.faults + retailer.in_front.faults, "not everything was broken"
