"""The road of a document, from stored bytes to what is owed, on both databases."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pipeline_road import TEST, Road
from road_documents import acknowledgement, interchange, order
from sqlalchemy import delete, update

from gateway.partners.book import Book
from gateway.pipeline import again, preview, release, unwrap
from gateway.pipeline.route import Fact, happen, order_key, owe
from gateway.pipeline.trace import trace
from gateway.store import canonical_documents, lease, payloads, schema

DAY = 86_400_000_000  # microseconds


def codes(road: Road) -> list[str]:
    return [row.code for row in road.rows(schema.work_item, status="open")]


def test_an_order_becomes_a_fact_a_call_and_a_997(road: Road) -> None:
    road.receive(interchange([order()]))
    road.work()
    (document,) = road.rows(schema.document, direction="in")
    assert (document.status, document.kind, document.business_key) == ("done", "order", "HP-1001")
    assert [row.type for row in road.rows(schema.event)] == ["order.received"]
    assert {row.target for row in road.rows(schema.delivery, kind="call")} == {"erp", "crm"}
    with road.store.read() as view:
        made = canonical_documents.load(view, [document.id])[document.id]
    assert made.key() == "HP-1001"
    road.deliver()
    (sent,) = road.files()
    assert b"AK1*PO*1~" in sent
    assert b"AK5*A~AK9*A*1*1*1~" in sent
    assert codes(road) == []


@pytest.mark.parametrize(("held", "portion"), [(40, 250), (1, 1)], ids=["at once", "staged"])
def test_of_three_orders_one_broken_two_go_on(
    road: Road, monkeypatch: pytest.MonkeyPatch, held: int, portion: int
) -> None:
    monkeypatch.setattr(unwrap, "HELD", held)
    monkeypatch.setattr(unwrap, "PORTION", portion)
    broken = [segment for segment in order("HP-2", "0002") if not segment.startswith("BEG")]
    broken[-1] = f"SE*{len(broken)}*0002"
    road.receive(interchange([order("HP-1", "0001"), broken, order("HP-3", "0003")]))
    road.work()
    assert [row.status for row in road.rows(schema.document, direction="in")] == ["done", "invalid", "done"]
    assert codes(road) == ["document-rejected"]
    (item,) = road.rows(schema.work_item)
    assert item.lost_at == item.opened_at + DAY  # partners/industries/retail.yaml: order_response: 24h
    road.deliver()
    (sent,) = road.files()
    assert b"AK9*P*3*3*2~" in sent
    assert b"AK2*850*0002~AK3*BEG*2" in sent


def test_a_truncated_interchange_releases_nothing(road: Road) -> None:
    whole = interchange([order("HP-1", "0001"), order("HP-2", "0002")])
    for cut in range(110, len(whole) - 2, 97):
        road.receive(whole[:cut], name=f"cut at {cut}")
    road.work()
    assert road.rows(schema.event) == []
    assert {row.status for row in road.rows(schema.document)} <= {"discarded"}
    assert set(codes(road)) <= {"interchange-cut-off", "file-unreadable"}


def test_complete_interchanges_before_the_cut_are_processed(road: Road) -> None:
    first, second = interchange([order("HP-1")], number=1), interchange([order("HP-2")], number=2)
    road.receive(first + second[:300])
    road.work()
    assert [row.business_key for row in road.rows(schema.document, status="done", direction="in")] == ["HP-1"]
    assert "interchange-cut-off" in codes(road)


def test_the_same_bytes_again_are_answered_again_and_used_once(road: Road) -> None:
    content = interchange([order()])
    road.receive(content, name="first")
    road.work()
    road.deliver()
    road.receive(content, name="second")
    road.work()
    road.deliver()
    assert len(road.rows(schema.event, type="order.received")) == 1
    first, second = road.rows(schema.delivery, kind="envelope")
    assert (first.status, second.status) == ("delivered", "delivered")
    assert first.payload_id == second.payload_id


def test_a_used_number_with_other_content_waits_for_a_person(road: Road) -> None:
    road.receive(interchange([order("HP-1")]), name="first")
    road.work()
    held = road.receive(interchange([order("HP-2")]), name="second")
    road.work()
    assert codes(road) == ["control-number-reused"]
    assert len(road.rows(schema.event, type="order.received")) == 1
    with road.store.begin() as tx:
        again.reprocess_transmission(tx, held.transmission_id, by="clerk")
    road.work()
    assert len(road.rows(schema.event, type="order.received")) == 2
    assert codes(road) == []


def test_the_same_order_number_with_other_content_waits_for_a_person(road: Road) -> None:
    road.receive(interchange([order("HP-1")], number=1))
    road.work()
    road.receive(interchange([order("HP-1", quantity="48")], number=2), name="second")
    road.work()
    assert codes(road) == ["business-key-reused"]
    (held,) = road.rows(schema.document, status="held")
    with road.store.begin() as tx:
        assert f"with /D-{held.id} behind its number" in preview.reprocess_document(tx, held.id).effects[1]
        again.reprocess_document(tx, held.id, by="clerk")
    road.work()
    assert codes(road) == []
    assert [row.key for row in road.flows()] == ["harbor-pine/HP-1", f"harbor-pine/HP-1/D-{held.id}"]
    owed = [row for row in road.rows(schema.delivery, kind="call") if row.target == "erp"]
    assert [json.loads(row.body)["data"]["document_id"] for row in owed] == [1, held.id], "its system gets it too"
    with road.store.read() as view:
        assert {"D-1", f"D-{held.id}"} <= set(trace(view, "HP-1").documents)
    with road.store.begin() as tx:
        again.reprocess_document(tx, 1, by="clerk")
    road.work()
    assert len(road.flows()) == 2
    assert {row.status for row in road.rows(schema.document, direction="in")} == {"done"}


def test_a_sender_that_is_not_allowed_is_set_aside(road: Road) -> None:
    road.receive(interchange([order()], sender="SOMEBODY"))
    road.work()
    assert codes(road) == ["sender-not-allowed"]
    assert road.rows(schema.event) == []
    assert road.rows(schema.delivery) == []


@pytest.mark.parametrize(("connection", "lane", "usage"), [("harbor-pine", "production", "T"), (TEST, "test", "P")])
def test_the_wrong_lane_is_set_aside(road: Road, connection: str, lane: str, usage: str) -> None:
    road.receive(interchange([order()], usage=usage), connection=connection, lane=lane)
    road.work()
    assert codes(road) == ["wrong-lane"]
    assert road.rows(schema.delivery) == []


def test_garbage_is_kept_and_asked_about(road: Road) -> None:
    receipt = road.receive(b"\x00\x01 this is nothing")
    road.work()
    (row,) = road.rows(schema.transmission)
    assert (row.id, row.status) == (receipt.transmission_id, "quarantined")
    assert codes(road) == ["file-unreadable"]


@pytest.mark.parametrize("at", [b"HP-1", b"Store 14", b"ST*850*0001", b"*ZZ*NORTHWIND     ", b"*000000001"])
def test_a_nul_holds_nothing_up_on_either_database(road: Road, at: bytes) -> None:
    """PostgreSQL takes none in a text: what was refused or read before must not fail for ever there."""
    road.receive(interchange([order("HP-1")]).replace(at, at[:-1] + b"\0", 1))
    road.work()
    (row,) = road.rows(schema.transmission)
    assert row.status != "received"
    assert road.rows(schema.document) or codes(road)


def accepted_order(road: Road) -> None:
    road.receive(interchange([order()]))
    road.work()
    keys = (order_key("harbor-pine", "HP-1001"),)
    with road.store.begin() as tx:
        happen(tx, road.house, [Fact("order.accepted", "production", "harbor-pine", keys, {"system": "erp"})])
    road.work()


def test_an_accepted_order_is_answered_shipped_and_billed(road: Road) -> None:
    accepted_order(road)
    keys = (order_key("harbor-pine", "HP-1001"),)
    shipped = Fact("shipment.confirmed", "production", "harbor-pine", keys, {"number": "SH-1", "scac": "RDWY"})
    billed = Fact("invoice.issued", "production", "harbor-pine", keys, {"number": "INV-1"})
    with road.store.begin() as tx:
        happen(tx, road.house, [shipped, billed])
    road.work()
    assert [row.title for row in road.rows(schema.work_item)] == []
    road.deliver()
    sent = b"".join(road.files())
    for beginning in (b"ST*855*", b"ST*856*", b"ST*810*"):
        assert beginning in sent


def test_a_997_closes_what_it_answers(road: Road) -> None:
    accepted_order(road)
    road.deliver()
    (answer,) = road.rows(schema.document, direction="out", set_id="855")
    assert answer.status == "awaiting-confirmation"
    (group,) = [row for row in road.rows(schema.functional_group) if row.functional_id == "PR"]
    road.receive(acknowledgement("PR", group.control_number), name="997")
    road.work()
    (answer,) = road.rows(schema.document, direction="out", set_id="855")
    assert answer.status == "confirmed"
    assert codes(road) == []


def test_a_refusal_by_997_becomes_a_work_item(road: Road) -> None:
    accepted_order(road)
    road.deliver()
    (group,) = [row for row in road.rows(schema.functional_group) if row.functional_id == "PR"]
    road.receive(acknowledgement("PR", group.control_number, accepted=False), name="997")
    road.work()
    assert codes(road) == ["answer-refused"]


def test_a_997_for_nothing_of_ours_becomes_a_work_item(road: Road) -> None:
    road.receive(acknowledgement("PR", "77120"))
    road.work()
    assert codes(road) == ["answer-unmatched"]


def advice(fate: str, *oti: str, errors: tuple[str, ...] = (), number: int = 901) -> bytes:
    """An 824 from the retailer about one document of ours."""
    body = ["BGN*11*ADV-1*20261121", "*".join(("OTI", fate, *oti)), *errors]
    sets = [["ST*824*0001", *body, f"SE*{len(body) + 2}*0001"]]
    return interchange(sets, number=number, functional_id="AG", group=number)


def test_a_refusal_by_824_counts_after_the_997_that_accepted(road: Road) -> None:
    accepted_order(road)
    road.deliver()
    (group,) = [row for row in road.rows(schema.functional_group) if row.functional_id == "PR"]
    road.receive(acknowledgement("PR", group.control_number), name="997")
    road.work()
    (ours,) = road.rows(schema.document, direction="out", set_id="855")
    said = ("TED*007**PO1*6*2*330**", "NTE*GEN*Call our buyer")
    names = ("TR", "PO", "HP-1001", "NORTHWIND", "HARBORPINE", "20261120", "", group.control_number, "1", "855")
    road.receive(advice(*names, errors=said), name="824")
    road.work()
    (item,) = road.rows(schema.work_item, status="open")
    assert item.code == "answer-refused"
    assert "something is missing; Call our buyer" in item.title
    assert "segment 6, PO1-02" in item.where_
    (ours,) = road.rows(schema.document, direction="out", set_id="855")
    assert ours.status == "refused"
    assert '"refused-by-partner"' in ours.findings
    assert [row.type for row in road.rows(schema.event, type="document.refused")] == ["document.refused"]
    (theirs,) = road.rows(schema.document, set_id="824")
    assert (theirs.status, theirs.kind) == ("done", "acknowledgement")


def test_an_824_finds_what_it_speaks_of_by_its_business_number(road: Road) -> None:
    accepted_order(road)
    road.deliver()
    road.receive(advice("TA", "PO", "HP-1001"), name="accepted")
    road.work()
    (ours,) = road.rows(schema.document, direction="out", set_id="855")
    assert (ours.status, codes(road)) == ("confirmed", [])
    road.receive(advice("TP", "PO", "HP-1001", errors=("TED*848*Line 2",), number=902), name="partly")
    road.work()
    assert codes(road) == ["answer-refused"]


def test_an_824_for_nothing_of_ours_becomes_a_work_item(road: Road) -> None:
    road.receive(advice("TR", "IV", "INV-77120"))
    road.work()
    (item,) = road.rows(schema.work_item, status="open")
    assert (item.code, "IV INV-77120" in item.title) == ("answer-unmatched", True)


def test_a_997_that_says_only_that_segments_are_wrong_becomes_a_work_item(road: Road) -> None:
    accepted_order(road)
    road.deliver()
    (group,) = [row for row in road.rows(schema.functional_group) if row.functional_id == "PR"]
    body = [f"AK1*PR*{group.control_number}", "AK2*855*0001", "AK5*R*5", "AK9*R*1*1*0"]
    sets = [["ST*997*0001", *body, "SE*6*0001"]]
    road.receive(interchange(sets, number=900, functional_id="FA"), name="997")
    road.work()
    (item,) = road.rows(schema.work_item, status="open")
    assert item.code == "answer-refused"
    assert "they do not say which" in item.title


def test_a_large_interchange_is_stored_in_portions_and_released_once(road: Road) -> None:
    orders = [order(f"HP-{n}", f"{n:04d}", lines=1) for n in range(1, 1203)]
    road.receive(interchange(orders))
    road.work()
    statuses = [row.status for row in road.rows(schema.document, direction="in")]
    assert statuses == ["done"] * 1202
    road.deliver()
    (sent,) = road.files()
    assert b"AK9*A*1202*1202*1202~" in sent


@pytest.mark.parametrize(("held", "seen"), [(1, ("staged", False)), (2, ("done", True)), (40, ("done", True))])
def test_a_reader_that_dies_between_portions_goes_on_where_it_was(
    road: Road, monkeypatch: pytest.MonkeyPatch, held: int, seen: tuple[str, bool]
) -> None:
    """The first portion waits unseen where the trailer was not read before it was stored."""
    monkeypatch.setattr(unwrap, "HELD", held)
    monkeypatch.setattr(unwrap, "PORTION", 50)
    sets = [order(f"HP-{n}", f"{n:04d}", lines=1) for n in range(1, 123)]
    content = interchange(sets) + interchange([order("HP-0", "0001", lines=1)], number=2)
    road.receive(content)
    with road.store.begin() as tx:
        rows = lease.claim(tx, schema.transmission, "unwrap", "dies", 10, 1)
    stored = 0
    real = release.store

    def dies_after_the_first(*arguments: Any) -> Any:
        nonlocal stored
        if stored:
            raise KeyboardInterrupt
        stored += 1
        return real(*arguments)

    monkeypatch.setattr(release, "store", dies_after_the_first)
    with pytest.raises(KeyboardInterrupt):
        unwrap.unwrap(road.house, rows)
    monkeypatch.setattr(release, "store", real)
    staged = road.rows(schema.document)
    assert {(row.status, row.released) for row in staged} == {seen}
    assert len(staged) == unwrap.PORTION
    assert len(road.rows(schema.functional_group)) == 1, "the second interchange is of a later portion"
    road.work()
    done = road.rows(schema.document, direction="in")
    assert [row.business_key for row in done] == [*(f"HP-{n}" for n in range(1, 123)), "HP-0"]
    assert {row.status for row in done} == {"done"}
    road.deliver()
    sent = b"".join(road.files())
    assert sent.count(b"AK9*A*122*122*122~") == sent.count(b"AK9*A*1*1*1~") == 1
    road.receive(content, name="the same once more")
    road.work()
    assert [row.status for row in road.rows(schema.interchange, direction="in")[2:]] == ["duplicate"] * 2


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("sets", [6, 7])  # the second interchange is read with the end of the first, or after it
def test_interchanges_of_a_file_are_used_in_their_order_though_the_first_was_staged(
    road: Road, monkeypatch: pytest.MonkeyPatch, sets: int, dies: bool
) -> None:
    monkeypatch.setattr(unwrap, "HELD", 40 if dies else 0)
    monkeypatch.setattr(unwrap, "PORTION", 3)
    first = interchange([order(f"HP-{n}", f"{n:04d}", lines=1) for n in range(1, sets + 1)])
    more = [interchange([order(f"HP-{n}", quantity="48")], number=n, group=n) for n in (2, sets)]
    road.receive(first + b"".join(more))
    if dies:
        with road.store.begin() as tx:
            (row,) = lease.claim(tx, schema.transmission, "unwrap", "dies", 10, 1)
        reading = unwrap._Reading(road.house, [row]).read(row)
        unwrap._store(road.house, row, [next(reading)])
    road.work()
    became = [(row.business_key, row.status) for row in road.rows(schema.document, set_id="850")]
    assert became == [*((f"HP-{n}", "done") for n in range(1, sets + 1)), ("HP-2", "held"), (f"HP-{sets}", "held")]
    told = [json.loads(row.data)["order_number"] for row in road.rows(schema.event, type="order.received")]
    assert told == [f"HP-{n}" for n in range(1, sets + 1)]


@pytest.mark.parametrize("held", [1, 2, 40])
def test_what_an_interchange_is_worth_does_not_depend_on_how_much_of_it_waits_in_memory(
    road: Road, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr(unwrap, "HELD", held)
    monkeypatch.setattr(unwrap, "PORTION", 3)
    whole = interchange([order(f"HP-{n}", f"{n:04d}", lines=1) for n in range(1, 12)])
    other = interchange([order(f"HQ-{n}", f"{n:04d}", lines=1) for n in range(1, 12)])
    cut = interchange([order(f"HR-{n}", f"{n:04d}", lines=1) for n in range(1, 12)], number=3)[:-20]
    for n, content in enumerate((whole, whole, other, cut)):
        road.receive(content, name=f"file {n}")
        road.work()
    judged = [row.status for row in road.rows(schema.interchange, direction="in")]
    assert judged == ["accepted", "duplicate", "quarantined", "quarantined"]
    became = [row.status for row in road.rows(schema.document, direction="in")]
    assert became == [s for s in ("done", "duplicate", "held", "discarded") for _ in range(11)]
    assert len(road.rows(schema.event, type="order.received")) == 11
    assert sorted(codes(road)) == ["control-number-reused", "interchange-cut-off"]


@pytest.mark.parametrize("portion", [1, 250])
def test_a_document_that_breaks_the_commit_does_not_hold_up_its_interchange(
    road: Road, monkeypatch: pytest.MonkeyPatch, portion: int
) -> None:
    """What cannot be stored here is a call that is owed already; any defect of ours in a flow would do."""
    monkeypatch.setattr(unwrap, "PORTION", portion)
    with road.store.begin() as tx:
        owe(tx, [{**CALL, "idempotency_key": f"production:order:harbor-pine/HP-2:submit:{CALL['target']}"}])
    road.receive(interchange([order("HP-1", "0001"), order("HP-2", "0002"), order("HP-3", "0003")]))
    road.work()
    stored = [row.business_key for row in road.rows(schema.document)]
    assert stored == (["HP-1"] if portion == 1 else []), "nothing of a failed commit stays"
    until_given_up(road)
    assert [row.status for row in road.rows(schema.document, direction="in")] == ["done", "valid", "done"]
    assert len(road.rows(schema.event, type="order.received")) == 2
    assert codes(road) == ["our-fault"]
    road.deliver()
    (sent,) = road.files()
    assert b"AK9*A*3*3*3~" in sent
    with road.store.begin() as tx:  # the upgrade: what was in the way is gone
        tx.execute(delete(schema.delivery).where(schema.delivery.c.idempotency_key.endswith(":submit:erp")))
    stopped = road.rows(schema.document, direction="in")[1]
    with road.store.begin() as tx:
        again.reprocess_document(tx, stopped.id, by="a person")
    road.work()
    assert [row.status for row in road.rows(schema.document, direction="in")] == ["done"] * 3
    assert not road.rows(schema.work_item, status="open")


def until_given_up(road: Road) -> None:
    for _ in range(6):  # its tries
        with road.store.begin() as tx:
            for table in (schema.transmission, schema.document):
                tx.execute(update(table).where(table.c.due_at.is_not(None)).values(due_at=tx.now))
        road.work()


def test_a_file_that_a_defect_of_ours_stopped_is_read_on_from_there(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(text: str, terminator: str) -> bytes:
        assert "HP-3" not in text
        return real(text, terminator)

    real = unwrap._content
    monkeypatch.setattr(unwrap, "PORTION", 1)
    monkeypatch.setattr(unwrap, "HELD", 1)
    monkeypatch.setattr(unwrap, "_content", defect)
    receipt = road.receive(interchange([order(f"HP-{n}", f"000{n}") for n in range(1, 5)]))
    road.work()
    until_given_up(road)
    assert codes(road) == ["our-fault"]
    assert [row.released for row in road.rows(schema.document)] == [False, False]
    with road.store.read() as view:
        assert "stage unwrap" in preview.reprocess_transmission(view, receipt.transmission_id).effects[0]
        with pytest.raises(again.CannotRunAgain, match="under way"):
            preview.reprocess_document(view, road.rows(schema.document)[0].id)
    monkeypatch.setattr(unwrap, "_content", real)
    with road.store.begin() as tx:
        again.reprocess_transmission(tx, receipt.transmission_id, by="a person")
    road.work()
    assert [row.status for row in road.rows(schema.document, direction="in")] == ["done"] * 4
    assert len(road.rows(schema.event, type="order.received")) == 4
    assert not road.rows(schema.work_item, status="open")
    road.deliver()
    (sent,) = road.files()
    assert b"AK9*A*4*4*4~" in sent


CALL = {"kind": "call", "target": "erp", "lane": "production", "partner": "harbor-pine", "correlation_id": None}


def test_a_wrapped_document_is_a_part_of_its_envelope(road: Road) -> None:
    road.receive(interchange([order()]))
    road.work()
    (document,) = road.rows(schema.document, direction="out")
    (envelope,) = road.rows(schema.interchange, direction="out")
    assert (document.interchange_id, document.payload_id) == (envelope.id, envelope.payload_id)
    (text,) = payloads.cut(road.store, [(document.payload_id, document.offset, document.size)])
    assert text.startswith(b"ST*997*0001~")
    assert text.endswith(b"SE*6*0001~")


def test_an_agreement_without_a_map_is_said_to_be_that(road: Road, book: Book) -> None:
    name = "partners/harbor-pine/partner.yaml"
    without = Book.from_files({**book.files, name: book.files[name].replace("    map: harbor-pine-850-order\n", "", 1)})
    road.house = replace(road.house, book=lambda: without)
    road.receive(interchange([order()]))
    road.work()
    (item,) = road.rows(schema.work_item, status="open")
    assert item.code == "agreement-without-map"
    assert "850 0001 of harbor-pine came under the agreement harbor-pine/orders, which names no map" in item.title
    assert (item.who, "Name a map that reads a 850" in item.what_to_do) == ("Our engineer", True)


def order_change(number: str, release: str = "") -> list[str]:
    body = [f"BCH*04*SA*{number}*{release}**20261120", "POC*1*QD*24*6*EA*23.95**UP*000000000001"]
    return ["ST*860*0001", *body, f"SE*{len(body) + 2}*0001"]


def test_a_change_of_an_order_names_the_order_and_stands_beside_it(road: Road, book: Book) -> None:
    name = "partners/harbor-pine/partner.yaml"
    changes = "  changes:\n    our: northwind\n    lane: production\n    connection: harbor-pine\n"
    changes += "    receive: x12/004010/860\n"
    text = book.files[name].replace("agreements:\n", f"agreements:\n{changes}", 1)
    agreed = Book.from_files({**book.files, name: text})
    road.house = replace(road.house, book=lambda: agreed)
    road.receive(interchange([order()]))
    for n, number in enumerate(("HP-1001", "HP-7"), 2):
        road.receive(interchange([order_change(number)], number=n, group=n, functional_id="PC"), name=number)
    road.work()
    ours, unknown = road.rows(schema.work_item, status="open")
    assert ours.title == "harbor-pine changes order HP-1001 by 860, and no map of ours carries a change."
    assert (ours.code, ours.where_) == ("order-changed", f"Order HP-1001, 860, document D-{ours.subject_id}")
    (ordered,) = road.rows(schema.document, set_id="850")
    assert f"That order is D-{ordered.id} here." in ours.why
    assert ours.correlation_id == ordered.correlation_id
    assert "No order of that number is here." in unknown.why
    stored = [(row.business_key, row.status) for row in road.rows(schema.document, set_id="860")]
    assert stored == [("HP-1001", "stuck"), ("HP-7", "stuck")]
    assert [b"AK9*A*1*1*1~" in sent for sent in (road.deliver(), road.files())[1]] == [True, True, True]


def test_an_interchange_for_nobody_here_holds_up_no_other(road: Road) -> None:
    stray, good = interchange([order("HP-1")], receiver="ELSEWHERE"), interchange([order("HP-2")], number=2)
    road.receive(stray + good)
    road.work()
    assert codes(road) == ["no-agreement"]
    found = {row.business_key or row.status for row in road.rows(schema.document, direction="in")}
    assert found == {"held", "HP-2"}


def test_a_file_run_again_for_one_interchange_repeats_no_other(road: Road) -> None:
    good, strange = interchange([order("HP-1")]), interchange([order("HP-2")], number=2, sender="SOMEBODY")
    receipt = road.receive(good + strange)
    road.work()
    road.deliver()
    with road.store.begin() as tx:
        again.reprocess_transmission(tx, receipt.transmission_id, by="clerk")
    road.work()
    road.deliver()
    assert len(road.rows(schema.event, type="order.received")) == 1
    assert len(road.rows(schema.document, status="done", direction="in")) == 1
    assert len(road.files()) == 1


def test_an_answer_to_what_we_gave_up_on_counts(road: Road) -> None:
    """A 997 says more than our own note that a delivery failed."""
    road.receive(interchange([order()]))
    road.work()
    road.deliver()
    (ours,) = [row for row in road.rows(schema.document, direction="out") if row.set_id == "997"]
    with road.store.begin() as tx:
        tx.update(schema.document, [{"id": ours.id, "status": "undelivered", "set_id": "855"}])
    group = road.rows(schema.functional_group, id=ours.group_id)[0]
    road.receive(acknowledgement(group.functional_id, group.control_number), name="their answer")
    road.work()
    assert road.rows(schema.document, id=ours.id)[0].status == "confirmed"


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_of_two_workers_with_one_control_number_the_second_sees_the_first(road: Road) -> None:
    """SQLite has one writer at a time anyway."""
    for n, quantity in enumerate(("24", "48")):
        road.receive(interchange([order(f"HP-{n}", quantity=quantity)]), name=f"file {n}")
    road.store_two_at_once()
    judged = [row.status for row in road.rows(schema.interchange, direction="in")]
    assert judged == ["accepted", "quarantined"]


EDIFACT = b"UNB+UNOC:3+ME+US+261120:1200+7'UNH+1+ORDERS:D:96A:UN'BGM+220'UNT+3+1'UNZ+1+7'"
HEADLESS = interchange([order("HP-2")], number=8).replace(b"*261120*1305*U", b"")


@pytest.mark.parametrize(
    ("content", "said", "status"),
    [
        (HEADLESS, "no ISA segment", "quarantined"),
        (interchange([order()]) + HEADLESS, "no ISA segment", "done"),
        (HEADLESS + interchange([order()]), "no ISA segment", "done"),
        (interchange([order()]) + interchange([order("HP-2")])[106:], "no ISA segment", "done"),
        (interchange([order()]) + EDIFACT, "it is EDIFACT", "done"),
        (EDIFACT, "it is EDIFACT", "quarantined"),
    ],
    ids=["alone", "behind", "before", "no ISA behind", "EDIFACT behind", "EDIFACT alone"],
)
def test_an_interchange_that_cannot_be_read_is_a_persons_work_and_sinks_no_other(
    road: Road, content: bytes, said: str, status: str
) -> None:
    road.receive(content)
    road.work()
    (item,) = road.rows(schema.work_item, status="open")
    assert json.loads(item.data)["reason"].startswith(said)
    assert [row.status for row in road.rows(schema.transmission)] == [status]
    orders = content.count(b"HP-1001")
    assert len(road.rows(schema.document, direction="in", status="done")) == orders


def test_noise_between_interchanges_is_nobodys_work(road: Road) -> None:
    noise = b"Received: from somewhere\r\n\r\n\x1a\x00IEA*1*000000001~ISA is a word\r\n"
    road.receive(noise + interchange([order("HP-1")]) + noise + interchange([order("HP-2")], number=2) + noise)
    road.work()
    assert [row.status for row in road.rows(schema.document, direction="in")] == ["done", "done"]
    assert codes(road) == []
