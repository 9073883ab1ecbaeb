"""Every stop names a way out, and the way is open."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from pipeline_road import Road
from road_documents import acknowledgement, interchange, order

from gateway.partners.book import Book
from gateway.pipeline import again, preview, release, unwrap
from gateway.pipeline.alert import raise_alerts
from gateway.pipeline.deadlines import Owing, keep
from gateway.pipeline.route import Fact, happen, order_key
from gateway.pipeline.stops import alert
from gateway.store import lease, payloads, schema
from gateway.worker.batches import Batches
from gateway.worker.keeper import Keeper
from gateway.worker.road import stages

PROFILE = "partners/harbor-pine/partner.yaml"
COMPANY = "partners/northwind/company.yaml"
ORDER = order_key("harbor-pine", "HP-1001")


def publish(road: Road, book: Book, name: str = PROFILE, change: Callable[[str], str] = str) -> None:
    changed = Book.from_files({**book.files, name: change(book.files[name])})
    road.house = replace(road.house, book=lambda: changed)


def elsewhere(text: str) -> str:
    """Orders are agreed on for the folder only."""
    rush = "  rush-orders:\n    like: orders                    # the same in everything but the wire\n"
    rush += "    connection: harbor-pine-folder\n"
    assert rush in text
    return text.replace(rush, "").replace("    connection: harbor-pine\n", "    connection: harbor-pine-folder\n", 1)


def renamed(text: str) -> str:
    """The agreement `orders` is called `purchase-orders`."""
    return re.sub(r"(?m)(^  |like: )orders(?=[ :]|$)", r"\1purchase-orders", text)


def run_again(road: Road, *documents: int) -> None:
    with road.store.begin() as tx:
        for number in documents:
            again.reprocess_document(tx, number, by="clerk")
    road.work()


def read_again(road: Road, transmission: int) -> None:
    with road.store.begin() as tx:
        again.reprocess_transmission(tx, transmission, by="clerk")
    road.work()


def open_items(road: Road) -> list[str]:
    found = road.rows(schema.work_item, status="open")
    for row in found:
        assert "(not known)" not in " ".join((row.title, row.why, row.who, row.what_to_do))
    return [row.code for row in found]


def tell(road: Road, kind: str, data: dict[str, object]) -> None:
    with road.store.begin() as tx:
        happen(tx, road.house, [Fact(kind, "production", "harbor-pine", (ORDER,), data)])
    road.work()


def an_answer_was_sent(road: Road) -> None:
    road.receive(interchange([order()]))
    road.work()
    tell(road, "order.accepted", {"system": "erp"})
    road.deliver()


def test_what_came_before_its_agreement_is_used_and_acknowledged_once_there_is_one(road: Road, book: Book) -> None:
    publish(road, book, change=elsewhere)
    for n in (1, 2):
        road.receive(interchange([order(f"HP-{n}")], number=n), name=f"file {n}")
    road.work()
    items = road.rows(schema.work_item, status="open")
    assert [(row.code, row.subject_id) for row in items] == [("no-agreement", 1), ("no-agreement", 2)]
    with road.store.begin() as tx, pytest.raises(again.CannotRunAgain, match="gateway reprocess T-1"):
        again.reprocess_document(tx, 1, by="clerk")
    publish(road, book)
    read_again(road, 1)
    read_again(road, 2)
    assert open_items(road) == []
    assert len(road.rows(schema.event, type="order.received")) == 2
    road.deliver()
    assert [b"AK9*A*1*1*1~" in sent for sent in road.files()] == [True, True]
    read_again(road, 1)
    assert len(road.rows(schema.event, type="order.received")) == 2


def test_of_a_file_half_of_which_nobody_agreed_on_the_other_half_is_not_used_again(road: Road) -> None:
    both = interchange([order("HP-1")]).replace(b"IEA*1*", b"IEA*2*").split(b"IEA")
    stray = interchange([order("HP-2", "0002")], group=2).split(b"~", 1)[1].split(b"IEA")[0]
    stray = stray.replace(b"*X*004010~", b"*X*003040~")
    road.receive(both[0] + stray + b"IEA" + both[1])
    road.work()
    assert open_items(road) == ["no-agreement"]
    assert len(road.rows(schema.event, type="order.received")) == 1
    read_again(road, 1)
    assert open_items(road) == ["no-agreement"]
    assert len(road.rows(schema.event, type="order.received")) == 1


def test_a_document_whose_agreement_has_another_name_now_is_used(road: Road, book: Book) -> None:
    publish(road, book, change=lambda text: text.replace("    map: harbor-pine-850-order\n", "", 1))
    road.receive(interchange([order()]))
    road.work()
    publish(road, book, change=renamed)
    run_again(road, 1)
    (item,) = road.rows(schema.work_item, status="open")
    assert item.code == "agreement-gone"
    assert "run the transmission it came in again" in item.what_to_do
    read_again(road, 1)
    assert [row.status for row in road.rows(schema.document, direction="in")] == ["stuck", "done"]


def test_their_answer_run_again_is_read_as_an_answer(road: Road) -> None:
    road.receive(acknowledgement("PR", "77120"))
    road.work()
    run_again(road, 1)
    assert [row.status for row in road.rows(schema.document)] == ["done"]
    assert open_items(road) == ["answer-unmatched"]


def test_what_they_refused_goes_anew_with_new_numbers(road: Road) -> None:
    an_answer_was_sent(road)
    (first,) = [row for row in road.rows(schema.functional_group) if row.functional_id == "PR"]
    road.receive(acknowledgement("PR", first.control_number, accepted=False), name="997")
    road.work()
    (item,) = road.rows(schema.work_item, status="open")
    with road.store.read() as view:
        shown = preview.reprocess_document(view, item.subject_id)
    assert "harbor-pine refused it; they get it once more, with new control numbers." in shown.effects
    run_again(road, item.subject_id)
    assert open_items(road) == []
    (delivery,) = [row for row in road.rows(schema.delivery, kind="envelope") if row.status == "due"]
    road.deliver()
    (ours,) = road.rows(schema.document, id=item.subject_id)
    assert (ours.status, ours.interchange_id) == ("awaiting-confirmation", json.loads(delivery.body)["interchange_id"])
    second = [row for row in road.rows(schema.functional_group) if row.functional_id == "PR"][-1]
    assert second.control_number != first.control_number
    road.receive(acknowledgement("PR", first.control_number, number=901), name="late, about the first")
    road.receive(acknowledgement("PR", second.control_number, number=902), name="about the second")
    road.work()
    assert road.rows(schema.document, id=item.subject_id)[0].status == "confirmed"


def test_what_they_did_not_even_open_goes_anew(road: Road) -> None:
    an_answer_was_sent(road)
    (ours,) = road.rows(schema.document, direction="out", set_id="855")
    (envelope,) = road.rows(schema.interchange, id=ours.interchange_id)
    head, tail = interchange([], number=901).split(b"~")[0], b"IEA*0*000000901~"
    road.receive(head + f"~TA1*{envelope.control_number}*261120*1305*R*006~".encode() + tail, name="TA1")
    road.work()
    (item,) = road.rows(schema.work_item, status="open")
    assert item.where_ == f"TA1 for interchange {envelope.control_number}: D-{ours.id}"
    (ours,) = road.rows(schema.document, id=ours.id)
    assert (ours.status, ours.confirm_due_at) == ("refused", None)
    run_again(road, ours.id)
    road.deliver()
    assert road.rows(schema.document, id=ours.id)[0].status == "awaiting-confirmation"


@pytest.mark.parametrize(
    ("usage", "sender", "end"),
    [
        ("T", "HARBORPINE", "IEA*0*000000901~"),
        ("P", "SOMEBODYELSE", "IEA*0*000000901~"),
        ("P", "HARBORPINE", "IEA*0*000000902~"),
        ("P", "HARBORPINE", ""),
    ],
    ids=["of the other lane", "a stranger's", "in a broken envelope", "in one that is cut off"],
)
def test_a_ta1_that_is_not_theirs_to_say_refuses_nothing(road: Road, usage: str, sender: str, end: str) -> None:
    an_answer_was_sent(road)
    (ours,) = road.rows(schema.document, direction="out", set_id="855")
    (envelope,) = road.rows(schema.interchange, id=ours.interchange_id)
    head = interchange([], number=901, usage=usage, sender=sender).split(b"~")[0]
    road.receive(head + f"~TA1*{envelope.control_number}*261120*1305*R*006~{end}".encode(), name="TA1")
    road.work()
    assert road.rows(schema.document, id=ours.id)[0].status == ours.status
    assert "answer-refused" not in open_items(road)


def test_an_older_envelope_sent_again_says_nothing_of_a_document_that_goes_in_another(road: Road) -> None:
    an_answer_was_sent(road)
    (group,) = [row for row in road.rows(schema.functional_group) if row.functional_id == "PR"]
    road.receive(acknowledgement("PR", group.control_number, accepted=False), name="997")
    road.work()
    (ours,) = road.rows(schema.document, direction="out", set_id="855")
    with road.store.begin() as tx:
        older = again.resend(tx, preview.delivery_of(tx, ours.id), by="clerk")
        again.reprocess_document(tx, ours.id, by="clerk")
    road.deliver()
    assert road.rows(schema.delivery, id=older)[0].status == "delivered"
    assert road.rows(schema.document, id=ours.id)[0].status == "composed"


def test_what_could_not_be_written_for_want_of_a_setting_is_written_once_it_is_there(road: Road, book: Book) -> None:
    lines = book.files[COMPANY].splitlines(keepends=True)
    publish(road, book, COMPANY, lambda text: "".join(line for line in lines if "gs1_prefix" not in line))
    an_answer_was_sent(road)
    tell(
        road,
        "shipment.confirmed",
        {
            "number": "SH-1",
            "scac": "RDWY",
            "lines": {"1": "24", "2": "24"},
            "packages": [{"lines": {"1": "24", "2": "24"}}],
        },
    )
    (item,) = road.rows(schema.work_item, status="open")
    assert item.what_to_do.startswith(
        "Mend the map, the agreement or the data, then `gateway reprocess D-1`, the order"
    )
    publish(road, book)
    run_again(road, 1)
    assert open_items(road) == []
    out = Counter(row.kind for row in road.rows(schema.document, direction="out"))
    assert out == {"acknowledgement": 1, "order-response": 1, "shipment": 1}


def test_a_test_that_came_over_the_production_line_is_never_used_there(road: Road) -> None:
    road.receive(interchange([order()], usage="T"))
    road.work()
    with road.store.begin() as tx, pytest.raises(again.CannotRunAgain, match="is a test of theirs"):
        again.reprocess_document(tx, 1, by="clerk")


def test_what_the_other_side_refused_for_good_can_be_skipped(road: Road) -> None:
    road.receive(interchange([order()]))
    road.work()
    (owed,) = road.rows(schema.delivery, kind="envelope")
    with road.store.begin() as tx:
        lease.finish(tx, schema.delivery, [owed.id], status="rejected")
    with road.store.begin() as tx:
        again.skip(tx, owed.id, by="clerk")
    assert road.rows(schema.delivery, id=owed.id)[0].status == "skipped"
    with road.store.begin() as tx, pytest.raises(again.CannotRunAgain, match="is finished"):
        again.skip(tx, owed.id, by="clerk")


def test_the_documents_of_what_is_skipped_do_not_wait_for_it(road: Road) -> None:
    road.receive(interchange([order()]))
    road.work()
    (owed,) = road.rows(schema.delivery, kind="envelope")
    with road.store.begin() as tx:
        again.skip(tx, owed.id, by="clerk")
    assert road.rows(schema.document, direction="out")[0].status == "undelivered"


def test_a_reminder_that_a_defect_of_ours_stopped_is_tried_again_by_itself(
    road: Road, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    with road.store.begin() as tx:
        owing = Owing(*ORDER, "production", "harbor-pine", frozenset(), frozenset({"order-response"}))
        keep(tx, book, [owing])
        tx.execute(schema.timer.update().values(due_at=tx.now, attempts=4))

    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr("gateway.pipeline.deadlines.remind", broken)
        batches = Batches(road.store, stages(road.house), "test", Keeper(road.store, every_s=60))
        while batches.step():
            pass
    (item,) = road.rows(schema.work_item)
    assert (item.code, "by itself" in item.what_to_do) == ("our-fault", True)
    (row,) = road.rows(schema.timer)
    assert (row.stage, row.due_at > item.opened_at) == ("remind", True)


SENT_AS_855 = "    send: x12/004010/855\n"


def replies(text: str) -> str:
    """The agreement `order-responses` is called `replies`."""
    return text.replace("  order-responses:\n", "  replies:\n").replace("like: order-responses\n", "like: replies\n")


def test_what_waits_for_its_envelope_while_its_agreement_goes_is_sent_once_there_is_one_again(
    road: Road, book: Book
) -> None:
    together = f"{SENT_AS_855}    envelope: {{window: 1h, max_documents: 9}}\n"
    publish(road, book, change=lambda text: text.replace(SENT_AS_855, together, 1))
    road.receive(interchange([order()]))
    road.work()
    tell(road, "order.accepted", {"system": "erp"})
    publish(road, book, change=replies)
    with road.store.begin() as tx:
        tx.execute(schema.document.update().where(schema.document.c.stage == "wrap").values(due_at=tx.now))
    road.work()
    (item,) = road.rows(schema.work_item, status="open")
    (ours,) = road.rows(schema.document, set_id="855")
    assert (item.code, item.partner, ours.status) == ("agreement-gone-out", "harbor-pine", "ready")
    assert "the agreement harbor-pine/order-responses that says how it is sent is gone" in item.title
    for said in ("under `agreements:` in partners/harbor-pine/partner.yaml", f"`gateway reprocess D-{ours.id}`"):
        assert said in item.what_to_do
    run_again(road, ours.id)
    assert open_items(road) == ["cannot-write"]
    publish(road, book)
    run_again(road, ours.id)
    assert open_items(road) == []
    road.deliver()
    (ours,) = road.rows(schema.document, set_id="855")
    assert ours.status == "awaiting-confirmation"


def test_an_acknowledgement_whose_agreement_went_goes_as_it_was_written(road: Road, book: Book) -> None:
    road.receive(interchange([order()]))
    road.work()
    (ours,) = road.rows(schema.document, set_id="997")
    with road.store.begin() as tx:  # as it is where the commit that made it was the second try
        body = [["AK1", "PO", "1"], ["AK9", "A", "1", "1", "1"]]
        stored = payloads.store_segments(tx, body, owner="harbor-pine", lane="production")
        waits = {"status": "ready", "stage": "wrap", "due_at": tx.now, "interchange_id": None, "group_id": None}
        tx.update(schema.document, [{"id": ours.id, "payload_id": stored.id, "size": stored.size, **waits}])
    publish(road, book, change=renamed)
    road.work()
    assert open_items(road) == ["agreement-gone-out"]
    publish(road, book)
    run_again(road, ours.id)
    assert open_items(road) == []
    road.deliver()
    assert sum(b"AK9*A*1*1*1~" in sent for sent in road.files()) == 2


def test_a_number_that_came_before_under_an_agreement_that_went_meanwhile_waits_for_a_person(
    road: Road, book: Book
) -> None:
    road.receive(interchange([order()]))
    road.work()
    road.receive(interchange([order(quantity="48")], number=2, group=2), name="second")
    with road.store.begin() as tx:
        rows = lease.claim(tx, schema.transmission, "unwrap", "test", 1, 60_000_000)
    read = unwrap.unwrap(road.house, rows)
    publish(road, book, change=renamed)
    with road.store.begin() as tx:
        release.record(tx, road.house, read)
    assert open_items(road) == ["business-key-reused"]


def test_a_wire_that_goes_again_is_not_asked_about_though_a_person_began_anew(road: Road) -> None:
    road.receive(interchange([order()]))
    road.work()
    (owed,) = road.rows(schema.delivery, kind="envelope")
    with road.store.begin() as tx:
        raise_alerts(tx, [alert("harbor-pine", "production", "their certificate changed")])
        tx.update(schema.delivery, [{"id": owed.id, "lease_fence": 3}])
        again.resend(tx, owed.id, by="clerk")
    road.deliver()
    assert open_items(road) == []


def test_what_a_stranger_sent_is_used_once_they_are_known(road: Road, book: Book) -> None:
    publish(road, book, change=lambda text: text.replace("ZZ:HARBORPINE", "ZZ:HARBORPINE2"))
    road.receive(interchange([order()]))
    road.work()
    assert open_items(road) == ["sender-not-allowed"]
    publish(road, book)
    read_again(road, 1)
    assert open_items(road) == []
    assert [row.status for row in road.rows(schema.document, direction="in")] == ["held", "done"]
    with road.store.begin() as tx, pytest.raises(again.CannotRunAgain, match="gateway reprocess T-1"):
        again.reprocess_document(tx, 1, by="clerk")


def test_what_came_for_a_company_nobody_knew_is_used_once_it_is_known(road: Road, book: Book) -> None:
    road.receive(interchange([order()], receiver="NORTHWIND2"))
    road.work()
    assert open_items(road) == ["no-agreement"]
    (line,) = [line for line in book.files[COMPANY].splitlines() if "x12:" in line]
    more = line.replace("x12: [", 'x12: ["ZZ:NORTHWIND2", ')
    publish(road, book, COMPANY, lambda text: text.replace(line, more))
    read_again(road, 1)
    assert open_items(road) == []
    assert [row.status for row in road.rows(schema.document, direction="in")] == ["held", "done"]
