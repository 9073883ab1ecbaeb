from __future__ import annotations

import pytest
from x12_documents import ORDER, a_group, a_set, an_interchange

from gateway.formats.report import Closed, Event, GroupReport, InterchangeReport, SetReport, Verdict, file_verdict
from gateway.formats.x12.report import judge


def events(text: str) -> list[Event]:
    return list(judge([text.encode()]))


def groups(found: list[Event]) -> list[GroupReport]:
    return [e.report for e in found if isinstance(e, Closed) and isinstance(e.report, GroupReport)]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (an_interchange(), Verdict.ACCEPT),
        (an_interchange().replace("SE*9", "SE*8"), Verdict.ACCEPT_WITH_ERRORS),
        (an_interchange([a_group([a_set(ORDER[1:])])]), Verdict.ACCEPT_WITH_ERRORS),
        (an_interchange().replace("GE*1*1~", ""), Verdict.ACCEPT_WITH_ERRORS),
        (an_interchange().replace("IEA*1*000000001", "IEA*1*000000002"), Verdict.REJECT),
        (an_interchange().replace("IEA*1", "IEA*2"), Verdict.REJECT),
        (an_interchange().removesuffix("IEA*1*000000001~"), Verdict.REJECT),
        (an_interchange([]), Verdict.REJECT),
        (an_interchange([a_group([a_set(("ABC*1",), "XYZ")], "ZZ")]), Verdict.ACCEPT),  # kept, unchecked
        (an_interchange([a_group([a_set()], release="003060")]), Verdict.ACCEPT),
    ],
)
def test_verdict_of_a_file(text: str, verdict: Verdict) -> None:
    assert file_verdict(events(text)) is verdict


@pytest.mark.parametrize("set_id", ["8" * 300, "../850", "85/", ""])
def test_a_set_identifier_that_is_none_is_no_part_of_a_path(set_id: str) -> None:
    text = an_interchange().replace("ST*850*", f"ST*{set_id}*")
    (found,) = [event for event in events(text) if isinstance(event, SetReport)]
    assert {finding.code for finding in found.findings} <= {"set-identifier-invalid", "set-unsupported"}
    assert found.findings


def test_reports_name_sender_receiver_and_numbers() -> None:
    found = events(an_interchange())
    (interchange,) = [e.report for e in found if isinstance(e, Closed) and isinstance(e.report, InterchangeReport)]
    assert (interchange.sender, interchange.receiver, interchange.control_number) == ("ACME", "5551234567", "000000001")
    (group,) = groups(found)
    assert (group.functional_id, group.control_number, group.version) == ("PO", "1", "004010")
    (one,) = [event for event in found if isinstance(event, SetReport)]
    assert (one.set, one.control_number, one.segments, one.verdict) == ("850", "0001", 9, Verdict.ACCEPT)


def test_lines_are_as_deep_as_their_loops() -> None:
    (one,) = [event for event in events(an_interchange()) if isinstance(event, SetReport)]
    assert [(line.depth, line.text.split("*")[0]) for line in one.lines()] == [
        (0, "ST"), (0, "BEG"), (1, "N1"), (1, "N4"), (1, "PO1"), (2, "PID"), (1, "PO1"), (1, "CTT"), (0, "SE"),
    ]  # fmt: skip


def test_another_release_is_said_once_a_group() -> None:
    found = events(an_interchange([a_group([a_set(), a_set(number="0002")], release="004030")]))
    assert [finding.code for finding in groups(found)[0].findings] == ["release-approximated"]


def test_one_bad_interchange_does_not_sink_the_others() -> None:
    bad = an_interchange().replace("IEA*1", "IEA*7")
    found = events(bad + an_interchange(number="000000002"))
    closed = [e.report.verdict for e in found if isinstance(e, Closed) and isinstance(e.report, InterchangeReport)]
    assert closed == [Verdict.REJECT, Verdict.ACCEPT]
