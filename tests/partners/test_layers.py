"""Standard, company, industry, partner, agreement: the later one wins, and every line knows who said it."""

from __future__ import annotations

from profile_texts import COMPANY, FILES, INDUSTRY, PARTNER, changed

from gateway.partners import Book
from gateway.partners.agreement import effective
from gateway.partners.loading import standard
from gateway.partners.reading import layered, read
from gateway.partners.terms import RECEIVING, SENDING, Terms


def said_by(book: Book, agreement: str) -> dict[str, tuple[str, str, str]]:
    return {path: (text, place.layer, str(place)) for path, text, place in book.lines["agreement", agreement].leaves()}


def test_each_layer_says_its_line() -> None:
    said = said_by(Book.from_files(FILES), "harbor-pine/rush-orders")
    assert said["acknowledge.ta1"][:2] == ("asked", "standard")
    line = FILES[COMPANY].splitlines().index("  tolerate: standard") + 1
    assert said["tolerate.preset"] == ("standard", "company", f"{COMPANY}:{line}")
    assert said["acknowledge.with"] == ("997", "industry", f"{INDUSTRY}:4")
    assert said["acknowledge.within"] == ("1h", "partner", f"{PARTNER}:12")
    assert said["map"][1] == said["connection"][1] == "agreement"


def test_the_comment_behind_a_line_is_its_reason() -> None:
    node = Book.from_files(FILES).lines["agreement", "harbor-pine/orders"]
    reasons = {path: place.why for path, _, place in node.leaves()}
    assert reasons["acknowledge.within"] == "their guide p. 6; retail says 4h"
    assert reasons["duplicates.business_key"].startswith("a PO number twice")
    assert reasons["acknowledge.ta1"] == ""


def test_an_agreement_wins_over_every_layer() -> None:
    files = changed(PARTNER, "    destinations: [erp, crm]", "    destinations: [erp]\n    acknowledge: {with: none}")
    book = Book.from_files(files)
    orders = book.agreements["harbor-pine/orders"]
    assert orders.acknowledge.with_ == "none"
    assert orders.acknowledge.within.total_seconds() == 3600  # the partner's line is still in force
    assert orders.destinations == ("erp",)


def test_like_takes_lines_over_but_not_the_other_direction() -> None:
    lines = "    like: order-responses\n    receive: x12/004010/850\n    map: x12-850-order"
    files = changed(PARTNER, "  rush-orders:\n    like: orders", f"  rush-orders:\n{lines}")
    book = Book.from_files(files)
    assert book.agreements["harbor-pine/rush-orders"].direction == "in"


def test_short_forms() -> None:
    files = changed(PARTNER, "  acknowledge: {within: 1h}", "  tolerate: lenient\n  confirm: none")
    invoices = Book.from_files(files).agreements["harbor-pine/invoices"]
    assert invoices.tolerate.preset == "lenient"
    assert invoices.confirm is None
    assert said_by(Book.from_files(files), "harbor-pine/invoices")["tolerate.preset"][1] == "partner"


def test_only_the_terms_of_its_direction_are_explained() -> None:
    node = Book.from_files(FILES).lines["agreement", "harbor-pine/orders"]
    shown = {path.partition(".")[0] for path, _, _ in effective(node, "in").leaves()}
    assert not shown & SENDING
    assert shown >= RECEIVING


def test_the_standard_says_every_term_and_terms_default_to_nothing() -> None:
    assert set(standard().children or {}) == {field.alias or name for name, field in Terms.model_fields.items()}
    assert Terms.model_validate(standard().plain())

    def required(model: type) -> bool:
        return all(field.is_required() for field in model.model_fields.values())  # type: ignore[attr-defined]

    assert required(Terms)


def test_a_list_replaces_a_list_and_nothing_takes_a_line_away() -> None:
    under, over = read("a", "x: {l: [1, 2], m: 1, n: 2}"), read("b", "x: {l: [3], m: ~}")
    assert layered(under, over).plain() == {"x": {"l": ["3"], "m": None, "n": "2"}}
