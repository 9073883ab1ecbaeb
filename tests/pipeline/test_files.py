"""CSV, XML, JSON and fixed-width files take the road: each document by itself, and nothing of a broken file is used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pipeline_road import ROOT, Folder, Road

from gateway.canonical import Order, WarehouseOrder, parse
from gateway.canonical.values import Quantity
from gateway.canonical.warehouse import WarehouseLine
from gateway.lifecycle import DocumentStatus
from gateway.mapping import MapError
from gateway.partners.book import Book, texts
from gateway.partners.faults import ProfileFaults
from gateway.pipeline import again, release, unwrap
from gateway.pipeline.house import House
from gateway.pipeline.receive import Arrival, receive
from gateway.store import canonical_documents, schema
from gateway.store.engine import Store

PROFILE = """
name: Ridge
ids: {}
agreements:
  shipped:
    our: northwind
    lane: production
    connection: ridge
    receive: csv/order
    files: "ship*.csv"
    map: csv-order
    acknowledge: {with: none}
  shipped-json:
    like: shipped
    receive: json/warehouse-order
    files: "advice*.json"
    map: json-warehouse-order
  stock:
    our: northwind
    lane: production
    connection: ridge
    receive: json/inventory
    files: "stock*.json"
  orders:
    our: northwind
    lane: production
    connection: ridge
    send: csv/order
    map: csv-warehouse-order
    files: "{set}-{number}-{sequence}.csv"
    envelope: {max_documents: 10, window: 1h}
"""
CONNECTION = "ridge:\n  kind: directory\n  lane: production\n  inbox: in\n  outbox: out\n"
HEADER = (ROOT / "sample_docs/maps/csv-order/two-lines/document.csv").read_bytes().split(b"\r\n")[0].decode() + "\n"


def row(order: str, line: str = "1", quantity: str = "4", date: str = "20.11.2026") -> str:
    return f"{order};{date};;;;;;12;Store 12;;;;;;{line};;S-1;;;{quantity};ST;\n"


def file(*rows: str, quantity: int | None = None, count: int | None = None) -> bytes:
    counted = sum(int(each.split(";")[19]) for each in rows) if quantity is None else quantity
    total = ["END", str(len(rows) if count is None else count), *[""] * 17, str(counted), "", ""]
    return (HEADER + "".join(rows) + ";".join(total) + "\n").encode()


def book_of(text: str) -> Book:
    files = texts(ROOT / "partners", ROOT / "maps")
    files["partners/ridge/connections.yaml"] = CONNECTION
    files["partners/ridge/partner.yaml"] = text
    return Book.from_files(files)


BOOK = book_of(PROFILE)


def road_of(store: Store, book: Book, folder: Path) -> Road:
    return Road(store, House(store, lambda: book, dict, lambda name: Folder(folder / name)), folder)


@pytest.fixture
def road(store: Store, tmp_path: Path) -> Road:
    return road_of(store, BOOK, tmp_path / "sent")


def arrive(road: Road, content: bytes, filename: str = "ship-1.csv", media_type: str | None = None) -> int:
    """A file comes in and is worked to its end."""
    with road.store.begin() as tx:
        n = tx.scalar(
            schema.transmission.select()
            .with_only_columns(schema.transmission.c.id)
            .order_by(schema.transmission.c.id.desc())
        )
        arrival = Arrival("ridge", "production", f"{filename}-{n}", content, filename or None, media_type)
        (receipt,) = receive(tx, [arrival])
    road.work()
    return receipt.transmission_id


def documents(road: Road) -> list[Any]:
    return road.rows(schema.document)


def made(road: Road, number: int) -> Any:
    with road.store.read() as view:
        return canonical_documents.load(view, [number])[number]


def items(road: Road) -> list[Any]:
    return road.rows(schema.work_item)


def test_each_document_of_a_file_is_a_row_with_its_place(road: Road) -> None:
    arrive(road, file(row("1"), row("1", "2"), row("2")))
    first, second = documents(road)
    assert [first.place, second.place] == ["rows 2 to 3", "row 4"]
    assert [first.status, second.status] == [DocumentStatus.DONE] * 2
    assert [first.kind, first.business_key] == ["order", "1"]
    advice = made(road, first.id)
    assert isinstance(advice, Order)
    assert [line.line_number for line in advice.lines] == ["1", "2"]
    assert [event.type for event in road.rows(schema.event)] == ["order.received"] * 2
    (transmission,) = road.rows(schema.transmission)
    assert transmission.status == "done"
    assert not items(road)


def test_a_bad_row_stops_its_document_and_no_other(road: Road) -> None:
    arrive(road, file(row("1"), row("2", date="2026-11-20"), row("3")))
    assert [one.status for one in documents(road)] == [DocumentStatus.DONE, DocumentStatus.INVALID, DocumentStatus.DONE]
    (item,) = items(road)
    assert "“2026-11-20” in “PO Date” " in item.title
    assert item.where_.startswith("row 3, column 2")
    (interchange,) = road.rows(schema.interchange)
    assert interchange.status == "accepted-with-errors"


def test_where_a_file_stands_or_falls_whole_one_bad_row_stops_it(store: Store, tmp_path: Path) -> None:
    book = book_of(
        PROFILE.replace("    acknowledge: {with: none}\n", "    acknowledge: {with: none}\n    refuse: file\n")
    )
    road = road_of(store, book, tmp_path)
    arrive(road, file(row("1"), row("2", date="x")))
    assert {one.status for one in documents(road)} == {DocumentStatus.HELD}
    assert not road.rows(schema.event)
    (item,) = items(road)
    assert "1 of its 2 documents cannot be used" in item.title


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (file(row("1"), row("2"), count=3), "“3” in “PO Date” is not 2, as counted here"),
        (file(row("1"), quantity=9), "“9” in “Quantity” is not 4"),
        (file(row("1"), row("2")).rpartition(b"END")[0], "breaks off before its last record"),
        (file(row("1")).replace(b"Store 12", b'"Store 12'), "is not CSV: a quote that opens here is not closed"),
    ],
)
def test_nothing_of_a_file_is_used_that_breaks_off_or_counts_otherwise(road: Road, content: bytes, said: str) -> None:
    number = arrive(road, content)
    assert not road.rows(schema.event)
    assert {one.status for one in documents(road)} <= {DocumentStatus.HELD}
    (item,) = items(road)
    assert said in item.title
    (transmission,) = road.rows(schema.transmission)
    assert transmission.status == "quarantined"
    with road.store.begin() as tx:
        again.reprocess_transmission(tx, number, by="a person")
    road.work()
    assert len(road.rows(schema.interchange)) == 2


def test_the_same_file_under_another_name_is_said_and_has_no_second_effect(road: Road) -> None:
    arrive(road, file(row("1")))
    arrive(road, file(row("1")), "ship-1b.csv")
    assert [one.status for one in documents(road)] == [DocumentStatus.DONE, DocumentStatus.DUPLICATE]
    assert len(road.rows(schema.event)) == 1
    (item,) = items(road)
    assert "holds the same bytes as T-1" in item.title


def test_a_number_that_comes_again_with_other_content_is_held(road: Road) -> None:
    arrive(road, file(row("1")))
    arrive(road, file(row("1", quantity="3")), "ship-2.csv")
    assert [one.status for one in documents(road)] == [DocumentStatus.DONE, DocumentStatus.HELD]


def test_a_file_nobody_agreed_on_is_kept_and_says_what_is_closest(road: Road) -> None:
    arrive(road, b"a,b\n1,2\n3,4\n", "stock.csv")
    arrive(road, b"a;b\n1;2\n3;4\n", "ship-3.csv")
    first, second = items(road)
    assert "the CSV file stock.csv, and no agreement" in first.title
    assert "the name differs: it is called stock.csv" in first.what_to_do
    assert "the beginning differs: column Cancel After is missing in the header" in second.what_to_do
    assert {one.status for one in road.rows(schema.transmission)} == {"quarantined"}


ORDER = {"action": "create", "orderId": "7", "items": [{"line": "1", "quantity": 2.50}]}


def test_json_is_found_by_its_type_and_a_bad_value_by_its_pointer(road: Road) -> None:
    arrive(road, json.dumps(ORDER).replace("2.5", "2.50").encode(), "", "application/json")
    arrive(road, json.dumps(ORDER).replace("2.5", '"many"').replace('"7"', '"8"').encode(), "advice-8.json")
    good, wrong = documents(road)
    assert good.status == DocumentStatus.DONE
    assert good.place == "/"
    assert str(made(road, good.id).lines[0].ordered.value) == "2.50"
    assert wrong.status == DocumentStatus.INVALID
    (item,) = items(road)
    assert "“many”" in item.title
    assert "/items/0/quantity" in item.where_


def test_the_sender_is_told_what_became_of_a_file(store: Store, tmp_path: Path) -> None:
    told = "  told: {our: northwind, lane: production, connection: ridge, send: json/file-acknowledgement}\n"
    text = PROFILE.replace("acknowledge: {with: none}", "acknowledge: {with: file}")
    with pytest.raises(ProfileFaults, match="sends a file acknowledgement"):
        book_of(text)
    road = road_of(store, book_of(text + told), tmp_path)
    arrive(road, file(row("1"), row("2", date="x")))
    road.deliver()
    (answer,) = [json.loads(path.read_bytes()) for path in (tmp_path / "ridge").iterdir()]
    assert (answer["file"], answer["verdict"]) == ("ship-1.csv", "accepted-with-errors")
    assert (answer["accepted"], answer["refused"]) == ("1", "1")
    assert [one["verdict"] for one in answer["documents"]] == ["accepted", "refused"]
    assert "“x” in “PO Date” " in answer["documents"][1]["problems"][0]


def test_our_own_json_needs_no_map(road: Road) -> None:
    report = {"kind": "inventory", "report_number": "R1", "as_of": {"date": "2026-11-20"}}
    arrive(road, json.dumps([report, {"report_number": "R2"}]).encode(), "stock-1.json")
    assert [(one.status, one.place) for one in documents(road)] == [("done", "/0"), ("invalid", "/1")]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("advice-9.json", json.dumps(ORDER).replace('"7"', '"7\\u0000"'), "\\u0000 stands in a text"),
        ("ship-9.csv", file(row("7\0")).decode(), "holds a NUL byte"),
    ],
)
def test_a_nul_is_refused_before_a_database_sees_it(road: Road, name: str, content: str, said: str) -> None:
    """PostgreSQL takes none in a text: the document would have failed for ever, and nobody told why."""
    arrive(road, content.encode(), name)
    assert [said in item.title for item in items(road)] == [True]
    assert not road.rows(schema.event)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"report_number"', '"report_nubmer"', "/report_nubmer is no member of this document"),
        ('"2026-11-20"', '"20.11.2026"', "/as_of/date is not a date, e.g. 2026-12-25"),
        ('{"date": "2026-11-20"}', '"2026-11-20"', "/as_of is not an object"),
        ('"R1"', "[1]", "/report_number is not a text"),
        ('"R1"', '""', "/report_number is empty"),
    ],
)
def test_our_own_json_is_judged_in_plain_words(road: Road, old: str, new: str, said: str) -> None:
    report = {"kind": "inventory", "report_number": "R1", "as_of": {"date": "2026-11-20"}}
    arrive(road, json.dumps(report).replace(old, new).encode(), "stock-1.json")
    (found,) = documents(road)
    path, _, why = said.partition(" ")
    assert (path, why) in [(one["segment"], one["expected"]) for one in json.loads(found.findings)]


def order(number: str) -> WarehouseOrder:
    line = WarehouseLine(line_number="1", identifiers={"sku": "S-1"}, ordered=Quantity(value=4, unit="each"))
    return WarehouseOrder(purpose="original", depositor_order_number=number, lines=[line])


def compose(road: Road, *made: WarehouseOrder, agreement: str = "ridge/orders") -> None:
    """Outbound documents as a flow leaves them."""
    from gateway.store.ids import take

    with road.store.begin() as tx:
        terms = road.house.book().agreements[agreement]
        for one, number in zip(made, take(tx, "document", len(made)), strict=True):
            tx.insert(
                schema.document,
                [
                    {
                        "id": number,
                        "direction": "out",
                        "lane": terms.lane,
                        "company": terms.company,
                        "partner": terms.partner,
                        "agreement": terms.name,
                        "standard": terms.document.standard,
                        "set_id": terms.document.set_id,
                        "version": "",
                        "status": DocumentStatus.COMPOSED,
                        "released": True,
                        "kind": one.kind,
                        "business_key": one.key(),
                        "received_at": tx.now,
                        "updated_at": tx.now,
                        "stage": "write",
                        "due_at": tx.now,
                    }
                ],
            )
            canonical_documents.store(tx, [(number, one)])
    road.work()


def test_documents_collect_into_one_file_with_a_safe_name(store: Store, tmp_path: Path) -> None:
    road = road_of(store, book_of(PROFILE.replace("max_documents: 10", "max_documents: 3")), tmp_path)
    compose(road, order("../7"), order("8"))
    assert not road.rows(schema.delivery)  # the window is open
    compose(road, order("9"))
    road.deliver()
    (path,) = (tmp_path / "ridge").iterdir()
    assert path.name == "order-.._7-000001.csv"
    assert path.read_bytes().count(b"\r\n") == 4  # one header, three rows
    assert {one.status for one in documents(road)} == {DocumentStatus.SENT}
    found = BOOK.library.map("csv-warehouse-order").read_text(path.read_bytes())
    assert [one.key() for one in found] == ["../7", "8", "9"]


def test_a_crash_between_two_portions_repeats_none_of_their_documents(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unwrap, "PORTION", 2)
    content = file(row("1"), row("2", date="x"), row("3"), row("4"), row("5"), row("6", date="x"))
    with road.store.begin() as tx:
        receive(tx, [Arrival("ridge", "production", "crash", content, "ship-9.csv")])
        (transmission,) = tx.all(schema.transmission.select())
    reading = unwrap._Reading(road.house, [transmission])
    first = next(reading.read(transmission))
    with road.store.begin() as tx:
        state = release.store(tx, road.house, first)
        tx.update(schema.transmission, [{"id": transmission.id, "resume_state": json.dumps(state)}])
    assert {one.released for one in documents(road)} == {False}
    road.work()
    assert [one.control_number for one in documents(road)] == ["1", "2", "3", "4", "5", "6"]
    assert [one.status for one in documents(road)] == ["done", "invalid", "done", "done", "done", "invalid"]
    assert {(one.code, one.subject_id) for one in items(road)} == {("part-rejected", 2), ("part-rejected", 6)}
    (interchange,) = road.rows(schema.interchange)
    assert interchange.status == "accepted-with-errors"
    assert len(road.rows(schema.event)) == 4


def test_a_document_runs_again_by_its_place_in_the_file(road: Road) -> None:
    arrive(road, file(row("1"), row("2", date="x"), row("3")))
    with road.store.begin() as tx:
        again.reprocess_document(tx, documents(road)[1].id, by="a person")
    road.work()
    assert documents(road)[1].status == DocumentStatus.STUCK
    assert "row at 3" not in items(road)[-1].title
    assert "PO Date at 3" in items(road)[-1].title


DESPATCH = next((ROOT / "sample_docs/maps/xml-despatch/everything").glob("document.*")).read_bytes()
JUDGED = """
name: Ridge
ids: {}
agreements:
  in:
    our: northwind
    lane: production
    connection: ridge
    receive: STANDARD
    files: "*"
    map: MAP
    schema: SCHEMA
    acknowledge: {with: none}
  out:
    our: northwind
    lane: production
    connection: ridge
    send: STANDARD
    map: MAP
    schema: SCHEMA
"""


def judged(standard: str, chart: str, schema_file: str) -> Book:
    """Ridge sends and takes what a schema of its own judges, here one of another partner's."""
    files = texts(ROOT / "partners", ROOT / "maps")
    name = schema_file.rpartition("/")[2]
    files["partners/ridge/connections.yaml"] = CONNECTION
    files[f"partners/ridge/schemas/{name}"] = files[schema_file]
    said = JUDGED.replace("STANDARD", standard).replace("MAP", chart).replace("SCHEMA", name)
    return Book.from_files(files | {"partners/ridge/partner.yaml": said})


def test_what_breaks_their_xsd_is_refused_at_its_place(store: Store, tmp_path: Path) -> None:
    book = judged("xml/despatch", "xml-despatch", "partners/fernhill-mills/schemas/despatch.xsd")
    road = road_of(store, book, tmp_path)
    arrive(road, DESPATCH, "ship-1.xml")
    arrive(road, DESPATCH.replace(b'unit="CS"', b'unit="PK"'), "ship-2.xml")
    good, bad = documents(road)
    assert (good.status, bad.status) == (DocumentStatus.DONE, DocumentStatus.INVALID)
    assert [(one["segment"], one["position"], one["value"]) for one in json.loads(bad.findings)] == [
        ("/Despatch/Order[1]/Carton[2]/Line/Quantity/@unit", 38, "PK")
    ]
    (item,) = items(road)
    assert "“PK” is not one of EA, CS or KGM." in item.title


def test_what_breaks_their_json_schema_is_refused_at_its_pointer(store: Store, tmp_path: Path) -> None:
    advice = (ROOT / "sample_docs/maps/json-shipping-advice/short/document.json").read_bytes()
    book = judged("json/shipping-advice", "json-shipping-advice", "partners/summit/schemas/advice.json")
    road = road_of(store, book, tmp_path)
    arrive(road, advice.replace(b'"SHORT"', b'"SHRT"'), "ship-1.json")
    (bad,) = documents(road)
    assert bad.status == DocumentStatus.INVALID
    (finding,) = json.loads(bad.findings)
    assert finding["segment"].startswith("/packages/0/items/")
    assert "is not one of SHIPPED, PARTIAL, SHORT, CANCELLED or SUBSTITUTED" in items(road)[0].title


@pytest.mark.parametrize(
    ("standard", "chart", "schema_file", "said"),
    [
        (
            "xml/despatch",
            "xml-despatch",
            "fernhill-mills/schemas/despatch.xsd",
            r"/Order\[1\] stands where ShipTo is expected",
        ),
        ("json/advice", "json-shipping-advice", "summit/schemas/advice.json", "/ lacks packages"),
    ],
)
def test_what_would_break_their_schema_is_not_written(standard: str, chart: str, schema_file: str, said: str) -> None:
    book = judged(standard, chart, f"partners/{schema_file}")
    case = ROOT / "sample_docs/maps" / chart
    approved = parse(next(case.glob("*/canonical.json")).read_text("utf-8"))
    writer = book.file_chart(book.agreements["ridge/out"])
    writer.write_text(approved)
    lacking = approved.model_copy(update={"ship_to": None, "packages": []})
    with pytest.raises(MapError, match=said):
        writer.write_text(lacking)
