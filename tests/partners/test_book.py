from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from profile_texts import CONNECTIONS, FILES, PARTNER, ROOT, changed

from gateway.partners import Book, ProfileFaults
from gateway.partners.book import Match, revision_of

BOOK = Book.from_files(FILES)
ARRIVED: dict[str, Any] = {
    "sender": ("ZZ", "HARBORPINE     "),
    "receiver": ("ZZ", "NORTHWIND      "),
    "functional_id": "PO",
    "release": "004010",
    "set_id": "850",
    "lane": "production",
    "connection": "harbor-pine",
}


@pytest.mark.parametrize("release", ["004010", "004010VICS", "4010", "00401"])
def test_an_order_finds_its_agreement_however_its_release_is_written(release: str) -> None:
    match = BOOK.find(**{**ARRIVED, "release": release})
    assert match.agreement is not None
    assert match.agreement.name == "harbor-pine/orders"


def test_the_connection_decides_between_two_wires_and_the_lane_between_two_lanes() -> None:
    rush = BOOK.find(**{**ARRIVED, "connection": "harbor-pine-folder"}).agreement
    test = BOOK.find(**{**ARRIVED, "connection": "harbor-pine-test", "lane": "test"}).agreement
    assert rush is not None
    assert test is not None
    assert (rush.name, test.name) == ("harbor-pine/rush-orders", "harbor-pine/orders-test")


def test_without_a_set_the_functional_id_decides() -> None:
    assert BOOK.find(**{**ARRIVED, "set_id": ""}).agreement is not None
    assert BOOK.find(**{**ARRIVED, "set_id": "", "functional_id": "IN"}).agreement is None


@pytest.mark.parametrize(
    ("differs", "reason", "closest"),
    [
        ({"sender": ("01", "HARBORPINE")}, "unknown sender", "Closest partner is harbor-pine; the qualifier differs"),
        ({"sender": ("ZZ", "HARBORPINE2")}, "unknown sender", "Closest partner is harbor-pine; the id differs"),
        ({"sender": ("ZZ", "QQQQ")}, "unknown sender", "No partner has an id like it."),
        ({"receiver": ("ZZ", "NW")}, "unknown receiver", "ZZ:NW is none of our ids (ZZ:NORTHWIND)."),
        ({"set_id": "860"}, "document differs", "they sent 860"),
        ({"release": "005010"}, "release differs", "it is written in 005010"),
        ({"connection": "other"}, "connection differs", "it came on other"),
        ({"lane": "test"}, "connection differs", "harbor-pine/orders-test"),
    ],
)
def test_what_finds_nothing_says_why_and_what_was_nearest(differs: dict[str, Any], reason: str, closest: str) -> None:
    match = BOOK.find(**{**ARRIVED, **differs})
    assert match.agreement is None
    assert match.reason == reason
    assert closest in match.closest


def test_a_partner_counts_only_on_a_connection_of_its_own() -> None:
    sender, receiver = ARRIVED["sender"], ARRIVED["receiver"]
    assert BOOK.parties("harbor-pine", sender, receiver, "production").partner == "harbor-pine"
    elsewhere = BOOK.parties("other-van", sender, receiver, "production")
    assert (elsewhere.company, elsewhere.partner) == ("northwind", None)
    assert "known on harbor-pine and harbor-pine-folder" in elsewhere.closest
    assert BOOK.parties("harbor-pine", sender, receiver, "test").partner is None


def test_what_we_send_is_found_by_canonical_kind_and_by_set() -> None:
    by_kind = BOOK.sending("harbor-pine", "shipment", "production")
    assert by_kind is not None
    assert by_kind.name == "harbor-pine/ship-notices"
    assert BOOK.sending("harbor-pine", "856", "test", "northwind") is BOOK.agreements["harbor-pine/ship-notices-test"]
    assert BOOK.sending("harbor-pine", "inventory", "production") is None
    assert BOOK.sending("nobody", "shipment", "production") is None


def test_the_test_lane_reaches_no_system() -> None:
    assert [s.name for s in BOOK.destinations("harbor-pine", "order", "production")] == ["erp", "crm"]
    assert BOOK.destinations("harbor-pine", "order", "test") == []


def test_the_ids_of_an_envelope_are_the_first_unless_the_agreement_names_others() -> None:
    ours, theirs = BOOK.ids(BOOK.agreements["harbor-pine/invoices"])
    assert (str(ours), str(theirs)) == ("ZZ:NORTHWIND", "ZZ:HARBORPINE")
    files = changed(PARTNER, '["ZZ:HARBORPINE"]', '["ZZ:HARBORPINE", "ZZ:HARBORPINET"]')
    files[PARTNER] = files[PARTNER].replace(
        "  invoices-test:\n", '  invoices-test:\n    envelope: {their_id: "ZZ:HARBORPINET"}\n'
    )
    book = Book.from_files(files)
    assert str(book.ids(book.agreements["harbor-pine/invoices-test"])[1]) == "ZZ:HARBORPINET"


def test_terms_are_the_formats_own() -> None:
    orders = BOOK.agreements["harbor-pine/orders"]
    assert orders.tolerance.preset == "standard"
    assert orders.envelope.separators.element == "*"
    assert orders.functional_id == "PO"
    assert orders.acknowledge.within.total_seconds() == 3600


def test_the_hash_is_of_the_words_and_nothing_else() -> None:
    assert (
        Book.load(ROOT / "partners", ROOT / "maps").revision
        == BOOK.revision
        == revision_of(dict(reversed(FILES.items())))
    )
    other = changed(PARTNER, "within: 1h", "within: 2h")
    assert Book.from_files(other).revision != BOOK.revision


def test_a_book_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        BOOK.agreements["x"] = BOOK.agreements["harbor-pine/orders"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        BOOK.revision = "x"  # type: ignore[misc]


def test_files_without_an_envelope_are_found_by_connection_and_name() -> None:
    files = dict(FILES)
    files["partners/ridge/connections.yaml"] = "ridge:\n  kind: directory\n  lane: test\n  inbox: in\n"
    files["partners/ridge/partner.yaml"] = (
        "name: Ridge\nids: {}\nagreements:\n  shipments:\n    our: northwind\n    lane: test\n    connection: ridge\n"
        "    receive: csv/shipment\n    files: 'ship*.csv'\n    map: csv-3pl-shipment\n"
    )
    book = Book.from_files(files)
    found = book.by_file("ridge", "ship-7.csv").agreement
    assert found is not None
    assert found.name == "ridge/shipments"
    assert book.by_file("ridge", "stock.csv") == Match(
        None, "name differs", "Closest agreement is ridge/shipments; the name differs: it is called stock.csv."
    )
    assert book.by_file("other", "ship-7.csv").agreement is None
    assert book.by_file("ridge", "ship-7.csv", b"{}").reason == "format differs"
    assert "Lieferant is missing" in book.by_file("ridge", "ship-7.csv", b"a;b\n1;2\n").closest


def test_subscriptions_are_webhooks_that_want_the_event() -> None:
    hook = "northwind-portal:\n  kind: webhook\n  lane: production\n  events: ['order.*']\n"
    hook += "  url: env:U\n  secrets: [env:S]\n"
    book = Book.from_files({**FILES, "partners/northwind/connections.yaml": hook})
    assert [c.name for c in book.subscriptions("order.received", "production")] == ["northwind-portal"]
    assert book.subscriptions("shipment.confirmed", "production") == []
    assert book.subscriptions("order.received", "test") == []


def test_interchange_terms_come_from_what_the_partner_sends() -> None:
    answering = BOOK.acknowledging("northwind", "harbor-pine", "production")
    assert answering is not None
    assert answering.direction == "in"
    assert BOOK.duplicates("northwind", "harbor-pine", "production").control_number == "hold"
    assert BOOK.acknowledging("northwind", None, "production") is None
    assert BOOK.acknowledging("another", "harbor-pine", "production") is None
    assert BOOK.duplicates("northwind", None, "test").transport == "answer-again"


def test_the_settings_of_a_wire_are_kept_for_it() -> None:
    assert BOOK.connections["harbor-pine-folder"].settings["inbox"] == "var/harbor-pine/in"
    assert "lane" not in BOOK.connections["harbor-pine"].settings
    assert BOOK.connections["harbor-pine"].owner == "harbor-pine"


def test_a_folder_read_is_the_texts_read(tmp_path: Path) -> None:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert Book.load(tmp_path / "partners", tmp_path / "maps").revision == BOOK.revision


def test_every_fault_comes_at_once() -> None:
    files = changed(PARTNER, "our: northwind", "our: nobody")
    files[CONNECTIONS] = files[CONNECTIONS].replace("lane: test", "lane: tset")
    assert len({fault.file for fault in _faults(files)}) == 2


def _faults(files: dict[str, str]) -> list[Any]:
    with pytest.raises(ProfileFaults) as caught:
        Book.from_files(files)
    return caught.value.faults
