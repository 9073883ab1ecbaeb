"""The envelope and structure of EDIFACT, on documents small enough to read here."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats.edifact.guide import Guide, load, nearest
from gateway.formats.edifact.inspection import inspect
from gateway.formats.edifact.separators import Separators
from gateway.formats.finding import Finding
from gateway.formats.report import Closed, Event, SetReport, Verdict, file_verdict

ORDER = (
    "UNB+UNOC:3+ACME:14+NORTHWIND:14+261120:1200+77'",
    "UNH+1+ORDERS:D:96A:UN'",
    "BGM+220+PO-1+9'",
    "DTM+137:20261120:102'",
    "NAD+BY+++O?'Neill ?+ Sons??'",
    "LIN+1++4711:EN'",
    "QTY+21:5'",
    "UNS+S'",
    "UNT+8+1'",
    "UNZ+1+77'",
)


def found(text: str) -> list[tuple[str, str | None, int | None]]:
    findings: list[Finding] = []
    for event in inspect([text.encode("latin-1")]):
        match event:
            case Finding():
                findings.append(event)
            case SetReport():
                findings.extend(event.findings)
            case Closed():
                findings.extend(event.report.findings)
    return [(finding.code, finding.segment, finding.position) for finding in findings]


def without(tag: str) -> str:
    return "".join(line for line in ORDER if not line.startswith(tag))


def replaced(old: str, new: str) -> str:
    text = "".join(ORDER)
    assert old in text
    return text.replace(old, new)


def test_a_right_order_has_no_findings() -> None:
    assert found("".join(ORDER)) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (without("UNZ"), ("interchange-trailer-missing", "UNZ", None)),
        (without("UNB"), ("interchange-header-missing", "UNB", None)),
        (without("UNT"), ("set-trailer-missing", "UNT", 8)),
        (without("UNH"), ("segment-outside-set", "BGM", None)),
        (without("BGM").replace("UNT+8", "UNT+7"), ("mandatory-segment-missing", "BGM", 2)),
        (replaced("UNT+8", "UNT+9"), ("segment-count-wrong", "UNT", 8)),
        (replaced("UNT+8+1", "UNT+8+2"), ("set-control-number-mismatch", "UNT", 8)),
        (replaced("UNZ+1", "UNZ+2"), ("message-count-wrong", "UNZ", None)),
        (replaced("UNZ+1+77", "UNZ+1+78"), ("interchange-control-number-mismatch", "UNZ", None)),
        (
            replaced("QTY+21:5'", "QTY+21:5'BGM+220'").replace("UNT+8", "UNT+9"),
            ("segment-not-in-proper-sequence", "BGM", 7),
        ),
        (replaced("QTY+21:5'", "QTY+21:5'ZZZ+1'").replace("UNT+8", "UNT+9"), ("segment-not-in-set", "ZZZ", 7)),
        (replaced("DTM+137", "BGM+1'DTM+137").replace("UNT+8", "UNT+9"), ("segment-exceeds-maximum-use", "BGM", 3)),
        (replaced("D:96A", "D:19B"), ("release-approximated", "UNH", 1)),
        (replaced("ORDERS", "BAPLIE"), ("set-unsupported", "UNH", 1)),
        ("Message-ID: 1\r\n\r\n" + "".join(ORDER), ("noise-skipped", None, None)),
        ("".join(ORDER)[:-1], ("final-terminator-missing", "UNZ", None)),
        (replaced("UNOC:3", "UNOZ:3"), ("interchange-header-element-invalid", "UNB", None)),
        (replaced("261120:1200", "261320:1200"), ("interchange-header-element-invalid", "UNB", None)),
        (replaced("+77'", f"+{'7' * 15}'"), ("interchange-header-element-invalid", "UNB", None)),
        (replaced("ACME", ""), ("interchange-header-element-missing", "UNB", None)),
        (replaced("LIN+1", "'LIN+1"), ("empty-segments", None, None)),
        (replaced("UNOC", "UNOA").replace("Neill", "Néill"), ("character-outside-basic-set", "NAD", 4)),
        (replaced("ORDERS:D:96A:UN", ""), ("set-identifier-invalid", "UNH", 1)),
    ],
)
def test_each_fault_is_named_where_it_stands(text: str, expected: tuple[str, str | None, int | None]) -> None:
    assert expected in found(text)


def test_an_empty_segment_is_not_counted() -> None:
    assert found(replaced("LIN+1", "'LIN+1")) == [("empty-segments", None, None)]


def test_a_second_interchange_is_read_after_a_truncated_one() -> None:
    events = list(inspect(["".join((*ORDER[:-1], *ORDER)).encode()]))
    interchanges = [
        event.report for event in events if isinstance(event, Closed) and "77" in event.report.control_number
    ]
    assert [report.verdict for report in interchanges] == [Verdict.REJECT, Verdict.ACCEPT]
    assert file_verdict(events) is Verdict.REJECT


def test_release_characters_are_resolved_and_written_back() -> None:
    separators = Separators()
    elements = separators.split("NAD+BY+++O?'Neill ?+ Sons??")
    assert elements[4] == ["O'Neill + Sons?"]
    assert separators.join(elements) == "NAD+BY+++O?'Neill ?+ Sons??'"


@given(st.lists(st.lists(st.text("AB+:'? ", max_size=4), min_size=1, max_size=3), min_size=1, max_size=4))
def test_what_is_joined_is_split_again(elements: list[list[str]]) -> None:
    separators = Separators()
    text = separators.join([["TAG"], *elements])[:-1]
    again = separators.split(text)
    assert [[c for c in e if c] for e in again] == [[c for c in e if c] for e in [["TAG"], *elements][: len(again)]]


def shapes(events: list[Event]) -> list[str]:
    return [repr(event) for event in events if not isinstance(event, SetReport)]


@pytest.mark.parametrize("size", [1, 2, 7, 80, 81])
def test_chunks_do_not_change_the_answer(size: int) -> None:
    data = ("####\r\nUNA:+.? '\r\n" + "\r\n".join(ORDER) + "\r\nnoise\r\n" + without("UNT")).encode()
    whole = list(inspect([data]))
    parts = list(inspect(data[i : i + size] for i in range(0, len(data), size)))
    assert shapes(whole) == shapes(parts)


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "   \n"])
@pytest.mark.parametrize("separators", [":+.? '", "^*.! $", ":|,  ~"])
def test_other_separators_and_line_ends_change_nothing(end: str, separators: str) -> None:
    plain = [line for line in ORDER if not line.startswith("NAD")]
    plain[-2] = "UNT+7+1'"
    target = Separators.from_una("UNA" + separators)
    text = target.una() + end + end.join(target.join(Separators().split(line[:-1])) for line in plain)
    assert found(text) == []


def test_lines_wrapped_at_80_characters_are_read() -> None:
    text = "".join(ORDER)
    wrapped = "\r\n".join(text[i : i + 80] for i in range(0, len(text), 80))
    assert {code for code, _, _ in found(wrapped)} == {"lines-wrapped"}


@given(st.binary(max_size=300))
def test_any_bytes_behind_a_header_get_an_answer(data: bytes) -> None:
    assert file_verdict(inspect([b"UNB+UNOA:1+A+B+260101:1200+1'", data])) in Verdict


@given(st.text("UNABHTZ+:'?1 \r\n", max_size=120))
def test_any_heap_of_segments_gets_an_answer(text: str) -> None:
    assert file_verdict(inspect([text.encode()])) in Verdict


def test_every_packaged_guide_loads_and_starts_and_ends_as_messages_do() -> None:
    folder = files("gateway.formats.edifact") / "guides"
    guides: list[Guide] = [
        load(directory.name, file.name.removesuffix(".yaml"))
        for directory in folder.iterdir()
        for file in directory.iterdir()
    ]
    assert len(guides) > 100
    assert all(guide.uses[0].tag == "UNH" and guide.uses[-1].tag == "UNT" for guide in guides)


@pytest.mark.parametrize("kind", ["ORDERS" * 60, "../D96A/ORDERS", "ORD/RS", "orders"])
def test_a_message_type_that_is_none_is_no_part_of_a_path(kind: str) -> None:
    assert ("set-unsupported", "UNH", 1) in found(replaced("ORDERS", kind))


def test_differences_between_the_sources_are_settled() -> None:
    """ORDERS ORDRSP ORDCHG DESADV INVOIC RECADV SLSRPT INVRPT PRICAT DELFOR APERAK were compared as of D97A."""
    text = (files("gateway.formats.edifact") / "differences.tsv").read_text("ascii")
    header, *rows = csv.reader(text.splitlines(), delimiter="\t")
    assert header == ["place", "source a", "says", "source b", "says", "settled", "why"]
    for place, _, first, _, second, settled, why in rows:
        message, directory, path, tag = place.split()
        uses = [use for use in load(directory, message).uses if use.group.path == path]
        most = uses[0].group.max if tag == "group" else next(use.max for use in uses if use.tag == tag)
        assert settled == f"C {most}", place
        assert settled in (first, second)
        assert why


def test_a_directory_without_a_guide_of_its_own_takes_the_one_before() -> None:
    guide, finding = nearest("D10A", "ORDERS")
    assert guide is not None
    assert (guide.directory, finding) == ("D07A", None)
