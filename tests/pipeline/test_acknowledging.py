"""What a partner is told: a TA1 whoever asked for one, whatever became of the groups; both written as they want it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pipeline_road import Road
from road_documents import acknowledgement, interchange, order

from gateway.partners.book import Book
from gateway.pipeline import unwrap
from gateway.store import schema

GOOD = interchange([order()], number=7)
ASKED = GOOD.replace(b"*0*P*>", b"*1*P*>")
EMPTY = ASKED[:106] + b"IEA*0*000000007~"
STRANGE = interchange([["ST*999999*0001", "SE*2*0001"]], number=7).replace(b"*0*P*>", b"*1*P*>")


def agree(road: Road, book: Book, before: str, after: str) -> None:
    industry = "partners/industries/retail.yaml"
    said = book.files[industry].replace(before, after, 1)
    assert said != book.files[industry]
    changed = Book.from_files({**book.files, industry: said})
    road.house = replace(road.house, book=lambda: changed)


def answers(road: Road, content: bytes, name: str = "") -> list[bytes]:
    road.receive(content, name=name)
    road.work()
    road.deliver()
    return road.files()


def told(road: Road, content: bytes, name: str = "") -> list[bytes]:
    """The TA1 segments that go out for this."""
    sent = answers(road, content, name)
    return [segment for one in sent for segment in one.split(b"~") if segment.startswith(b"TA1")]


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (ASKED, b"A*000"),
        (ASKED.replace(b"GS*PO", b"GS*IN").replace(b"ST*850", b"ST*810"), b"A*000"),
        (STRANGE, b"A*000"),
        (ASKED.replace(b"IEA*1*000000007", b"IEA*1*000000008"), b"R*001"),
        (ASKED.replace(b"IEA*1*", b"IEA*2*"), b"R*021"),
        (EMPTY, b"R*024"),
        (ASKED.replace(b"IEA*1*000000007~", b""), b"R*023"),
        (ASKED[:106], b"R*023"),
    ],
    ids=["good", "nobody agreed", "strange set", "number", "count", "empty", "cut off", "header alone"],
)
def test_an_interchange_that_asks_gets_one_whatever_is_in_it(road: Road, content: bytes, verdict: bytes) -> None:
    assert told(road, content) == [b"TA1*000000007*261120*1305*" + verdict]


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        ASKED.replace(b"HARBORPINE     ", b"SOMEBODYELSE   "),
        ASKED.replace(b"*1*P*>", b"*1*T*>"),
        ASKED.replace(b"GS*PO", b"GS*FA")[:106] + acknowledgement("PO", "1", number=7)[106:],
        ASKED[:106] + b"TA1*000000099*261120*1305*A*000~IEA*0*000000007~",
        ASKED[:106] + b"TA1*000000099*261120*1305*A*000~IEA*0*000000008~",
    ],
    ids=["not asked", "a stranger", "the other lane", "a 997", "a TA1", "a broken TA1"],
)
def test_what_did_not_ask_what_waits_for_a_person_and_what_answers_us_gets_none(road: Road, content: bytes) -> None:
    assert told(road, content) == []


@pytest.mark.parametrize(
    ("ta1", "content", "expected"),
    [("always", GOOD, 1), ("never", ASKED, 0), ("always", acknowledgement("PO", "1"), 0)],
    ids=["always", "never", "never of a 997"],
)
def test_the_profile_may_say_always_or_never(road: Road, book: Book, ta1: str, content: bytes, expected: int) -> None:
    agree(road, book, "acknowledge: {", f"acknowledge: {{ta1: {ta1}, ")
    assert len(told(road, content)) == expected


def test_asked_again_it_is_told_again_the_same_bytes(road: Road) -> None:
    told(road, ASKED)
    told(road, ASKED, name="again")
    mine = [row for row in road.rows(schema.delivery, kind="envelope") if '"TA1"' in row.body]
    assert len({row.payload_id for row in mine}) == 1
    assert [row.status for row in mine] == ["delivered", "delivered"]
    assert len(road.rows(schema.interchange, direction="in", status="duplicate")) == 1


def test_both_are_written_with_the_characters_they_want(road: Road, book: Book) -> None:
    characters = 'separators: {element: "|", component: ":", repetition: "^", segment: "~", newline: true}'
    agree(road, book, "terms:\n", f"terms:\n  envelope: {{{characters}}}\n")
    composite = order()
    composite[-2:-2] = ["SLN*1**I*1*XX>YY"]
    composite[-1] = f"SE*{len(composite)}*0001"
    sent = b"".join(answers(road, interchange([composite]).replace(b"*0*P*>", b"*1*P*>")))
    assert b"|P|:~\nTA1|000000001|" in sent
    assert b"~\nAK4|5:1|" in sent


def test_a_release_as_some_write_it_is_answered_in_an_envelope_that_has_it(road: Road) -> None:
    (sent,) = answers(road, interchange([order()]).replace(b"*X*004010", b"*X*4010"))
    assert b"*U*00401*" in sent
    assert b"*X*004010~ST*997*0001~AK1*PO*1~" in sent


NO_TRAILER = interchange([order("HP-1", "0001"), order("HP-2", "0002")], number=7).replace(b"GE*2*1~", b"")


@pytest.mark.parametrize(("held", "portion"), [(40, 250), (1, 1)], ids=["at once", "staged"])
def test_what_we_say_of_a_group_is_what_we_do_with_it(
    road: Road, monkeypatch: pytest.MonkeyPatch, held: int, portion: int
) -> None:
    monkeypatch.setattr(unwrap, "HELD", held)
    monkeypatch.setattr(unwrap, "PORTION", portion)
    other = interchange([order("HP-3")], group=2)[106:].partition(b"IEA")[0]
    sent = b"".join(answers(road, NO_TRAILER.replace(b"IEA*1*", other + b"IEA*2*")))
    assert b"AK1*PO*1~AK9*R*2*2*0*3~" in sent
    assert b"AK1*PO*2~AK2*850*0001~AK5*A~AK9*A*1*1*1~" in sent
    assert [row.status for row in road.rows(schema.document, direction="in")] == ["invalid", "invalid", "done"]
    assert [row.status for row in road.rows(schema.interchange, direction="in")] == ["accepted-with-errors"]
    assert [row.code for row in road.rows(schema.work_item)] == ["document-rejected", "document-rejected"]


def test_an_envelope_that_is_refused_has_no_code_in_a_997(road: Road) -> None:
    (sent,) = answers(road, GOOD.replace(b"IEA*1*000000007", b"IEA*1*000000008"))
    assert b"AK1*PO*1~AK9*R*1*1*0~" in sent


def test_sets_without_a_group_are_no_question_of_agreement(road: Road) -> None:
    answers(road, GOOD[:106] + GOOD[GOOD.index(b"ST*") : GOOD.index(b"GE*")] + b"IEA*0*000000007~")
    assert [row.code for row in road.rows(schema.work_item)] == ["document-rejected"]
    assert [row.status for row in road.rows(schema.document, direction="in")] == ["invalid"]
