"""Documents are stored, read back in any version, and published as a schema."""

from __future__ import annotations

import datetime as dt
import json
import os
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway import canonical
from gateway.canonical import documents

HERE = Path(__file__).parent
KINDS = sorted(canonical.DOCUMENTS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_published_schema_is_up_to_date(kind: str) -> None:
    """GATEWAY_UPDATE=1 writes it anew; read the difference before committing it."""
    golden = HERE / "schemas" / f"{kind}.json"
    now = json.dumps(canonical.json_schema(kind), indent=1, sort_keys=True) + "\n"
    if os.environ.get("GATEWAY_UPDATE"):
        golden.write_text(now)
    assert golden.read_text() == now


def test_every_published_schema_has_a_model() -> None:
    assert sorted(p.stem for p in (HERE / "schemas").glob("*.json")) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_every_version_ever_stored_is_still_read(kind: str) -> None:
    for version in range(1, canonical.DOCUMENTS[kind].schema_version + 1):
        stored = (HERE / "stored" / f"{kind}-{version}.json").read_bytes()
        document = canonical.load(kind, version, stored)
        assert document.kind == kind
        assert document.key()
        again = document.model_dump_json()
        assert canonical.load(kind, document.schema_version, again) == document
        assert canonical.parse(canonical.dump(document)) == document


def test_an_old_row_goes_through_every_upcaster_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = {
        ("order", 1): lambda row: {"order_number": row.pop("number"), **row},
        ("order", 2): lambda row: {**row, "purpose": row["purpose"].lower()},
    }
    monkeypatch.setattr(documents, "UPCASTERS", steps)
    monkeypatch.setattr(canonical.Order, "schema_version", 3)
    old = canonical.load("order", 1, b'{"number": "7", "purpose": "ORIGINAL", "lines": []}')
    assert old == canonical.Order(order_number="7", purpose="original", lines=[])


def test_a_row_of_a_newer_gateway_is_refused() -> None:
    with pytest.raises(canonical.UnknownDocument, match="newer"):
        canonical.load("order", 99, b"{}")


@pytest.mark.parametrize("text", ['{"order_number": "7"}', "[]", '{"kind": "letter"}'])
def test_a_file_must_say_what_it_is(text: str) -> None:
    with pytest.raises(canonical.UnknownDocument):
        canonical.parse(text)


def test_a_word_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError, match="order_nubmer"):
        canonical.parse('{"kind": "order", "order_nubmer": "7"}')


def test_numbers_are_exact_and_dates_stay_dates() -> None:
    line = canonical.OrderLine(quantity=canonical.Quantity(value=Decimal("1.10"), unit="each"))
    order = canonical.Order(
        purpose="original",
        order_number="7",
        requested_ship=canonical.Moment(date=dt.date(2026, 3, 1)),
        lines=[line],
    )
    row = json.loads(order.model_dump_json())
    assert row["lines"][0]["quantity"]["value"] == "1.10"
    assert row["requested_ship"] == {"date": "2026-03-01", "time": None, "zone": None, "leftovers": None}


def test_absence_has_one_spelling() -> None:
    with pytest.raises(ValidationError):
        canonical.Reference(value=" ")
    assert canonical.Reference(value=" 7 ").value == "7"


def test_defaults_are_not_shared_between_documents() -> None:
    first = canonical.Order(purpose="original", order_number="1", lines=[])
    first.references.append(canonical.Reference(value="x"))
    assert canonical.Order(purpose="original", order_number="2", lines=[]).references == []
