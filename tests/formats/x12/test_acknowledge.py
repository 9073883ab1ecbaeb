"""997, 999 and TA1 we write: valid, complete, and read back to what was found."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import pytest
from x12_documents import ORDER, a_group, a_set, an_interchange

from gateway.formats.finding import Finding, Severity
from gateway.formats.report import SetReport, Verdict, file_verdict
from gateway.formats.x12.acknowledge import (
    AnswerNumbers,
    Detail,
    GroupOutcome,
    SetOutcome,
    answer_interchange,
    functional_acknowledgement,
    interchange_acknowledgement,
)
from gateway.formats.x12.answers import Answer, Outcome, answer_of_ta1, answers_of
from gateway.formats.x12.frames import (
    Acknowledged,
    GroupClosed,
    GroupOpened,
    InterchangeClosed,
    InterchangeOpened,
    SetFramed,
)
from gateway.formats.x12.framing import Reader
from gateway.formats.x12.guide import packaged
from gateway.formats.x12.report import judge
from gateway.formats.x12.separators import DEFAULT
from gateway.formats.x12.tolerance import STANDARD, Tolerance

WHEN = datetime(2026, 1, 15, 9, 30)  # noqa: DTZ001 - X12 writes local time without a zone
BAD_ORDER = ["BEG*00*SA*PO1**20261345", *ORDER[1:3], "PO1*1*12X*EA*9.95**UP", *ORDER[4:], "ZZZ*1"]


def outcomes(text: str, tolerate: Tolerance = STANDARD) -> tuple[list[str], list[GroupOutcome], list[Finding]]:
    """What the pipeline gathers from one interchange."""
    isa: list[str] = []
    groups: list[GroupOutcome] = []
    found: list[Finding] = []
    gs: list[str] = []
    sets: list[SetOutcome] = []
    for frame in Reader([text.encode()], tolerate=tolerate):
        if isinstance(frame, InterchangeOpened):
            isa, found = frame.isa, list(frame.findings)
        elif isinstance(frame, GroupOpened):
            gs, sets, own = frame.gs, [], frame.findings
        elif isinstance(frame, SetFramed):
            guide, _ = packaged().nearest(gs[8], frame.set_id)
            assert guide is not None
            checked = guide.check(frame.rows, DEFAULT, tolerate, frame.text)
            sets.append(SetOutcome(frame.set_id, frame.control_number, frame.findings + checked.findings))
        elif isinstance(frame, GroupClosed):
            groups.append(GroupOutcome(gs, sets, frame.ge, own + frame.findings))
        elif isinstance(frame, InterchangeClosed):
            found += frame.findings
    return isa, groups, found


def answer(text: str, kind: str = "997", detail: Detail = Detail.ALL, *, ta1: bool = False) -> bytes | None:
    isa, groups, findings = outcomes(text)
    receipt = interchange_acknowledgement(isa, findings, groups) if ta1 else None
    numbers = AnswerNumbers(41, range(71, 71 + len(groups)))
    return answer_interchange(isa, groups, numbers, WHEN, kind=kind, detail=detail, ta1=receipt)


def segments(data: bytes | None) -> list[str]:
    assert data is not None
    return data.decode().removesuffix("~").split("~")


def answers(data: bytes | None) -> list[Answer]:
    found: list[Answer] = []
    for frame in Reader([data or b""]):
        if isinstance(frame, SetFramed):
            found += answers_of(frame.rows)
        elif isinstance(frame, Acknowledged):
            found.append(answer_of_ta1(frame.ta1))
    return found


def faultless(data: bytes | None) -> bool:
    events = list(judge([data or b""]))
    notes = [event.findings for event in events if isinstance(event, SetReport)]
    return file_verdict(events) is Verdict.ACCEPT and not any(notes)


def test_an_accepted_group_is_answered_to_its_sender() -> None:
    written = answer(an_interchange())
    assert segments(written) == [
        "ISA*00*          *00*          *12*5551234567     *ZZ*ACME           *260115*0930*U*00401*000000041*0*P*>",
        "GS*FA*5551234567*ACME*20260115*0930*71*X*004010",
        "ST*997*0071",
        "AK1*PO*1",
        "AK2*850*0001",
        "AK5*A",
        "AK9*A*1*1*1",
        "SE*6*0071",
        "GE*1*71",
        "IEA*1*000000041",
    ]
    assert faultless(written)


def test_every_fault_is_named_at_its_segment_and_element() -> None:
    written = answer(an_interchange([a_group([a_set(BAD_ORDER), a_set(number="0002")])]))
    inner = segments(written)[3:-3]
    assert inner == [
        "AK1*PO*1",
        "AK2*850*0001",
        "AK3*BEG*2**8",
        "AK4*5*373*8*20261345",
        "AK3*PO1*5*PO1*8",
        "AK4*2*330*6*12X",
        "AK4*7*234*2",
        "AK3*ZZZ*9**1",
        "AK5*E*5",
        "AK2*850*0002",
        "AK5*A",
        "AK9*E*2*2*2",
    ]
    assert faultless(written)


def test_a_999_says_the_same_in_its_own_segments() -> None:
    text = an_interchange([a_group([a_set(BAD_ORDER)], release="005010")], version="00501", isa11="^")
    written = answer(text, kind="999")
    inner = segments(written)[3:-3]
    assert inner[:2] == ["AK1*PO*1*005010", "AK2*850*0001"]
    assert "IK3*BEG*2**8" in inner
    assert "IK4*5*373*8*20261345" in inner
    assert inner[-2:] == ["IK5*E*5", "AK9*E*1*1*1"]
    assert faultless(written)


@pytest.mark.parametrize(
    ("sets", "tolerate", "verdicts"),
    [
        ([a_set()], STANDARD, ["A", "A"]),
        ([a_set(ORDER[1:])], STANDARD, ["R", "R"]),  # BEG missing
        ([a_set(), a_set(ORDER[1:], number="0002")], STANDARD, ["A", "R", "P"]),
        ([a_set(BAD_ORDER)], STANDARD, ["E", "E"]),
        ([a_set(BAD_ORDER)], Tolerance(overrides={"values": Severity.REJECTS}), ["R", "R"]),
    ],
)
def test_partial_acceptance(sets: list[list[str]], tolerate: Tolerance, verdicts: list[str]) -> None:
    _, (group,), _ = outcomes(an_interchange([a_group(sets)]), tolerate)
    rows = functional_acknowledgement(group, "0001")
    assert rows is not None
    assert [row[1] for row in rows if row[0] in ("AK5", "AK9")] == verdicts
    (ak9,) = [row for row in rows if row[0] == "AK9"]
    assert ak9[2:5] == [str(len(sets)), str(len(sets)), str(sum(v != "R" for v in verdicts[:-1]))]


@pytest.mark.parametrize(("detail", "tags"), [(Detail.GROUP, "AK1 AK9"), (Detail.SETS, "AK1 AK2 AK5 AK9")])
def test_detail_is_the_partners_choice(detail: Detail, tags: str) -> None:
    written = answer(an_interchange([a_group([a_set(BAD_ORDER)])]), detail=detail)
    assert [segment[:3] for segment in segments(written)[3:-3]] == tags.split()


def test_set_and_group_faults_have_their_codes() -> None:
    text = an_interchange().replace("SE*9*0001", "SE*99*0009").replace("GE*1*1", "GE*5*2")
    inner = segments(answer(text))[3:-3]
    assert inner == ["AK1*PO*1", "AK2*850*0001", "AK5*E*4*3", "AK9*E*5*1*1*5*4"]


def test_one_answer_a_group_each_to_its_own_sender() -> None:
    other = [segment.replace("ACME", "DIVISION2") for segment in a_group([a_set()], number="2")]
    written = answer(an_interchange([a_group([a_set()]), other]))
    assert [segment for segment in segments(written) if segment.startswith(("GS", "AK1"))] == [
        "GS*FA*5551234567*ACME*20260115*0930*71*X*004010",
        "AK1*PO*1",
        "GS*FA*5551234567*DIVISION2*20260115*0930*72*X*004010",
        "AK1*PO*2",
    ]


@pytest.mark.parametrize("kind", ["997", "999"])
def test_an_acknowledgement_is_never_acknowledged(kind: str) -> None:
    release = "005010" if kind == "999" else "004010"
    tag = "AK5" if kind == "997" else "IK5"
    answered = a_set(["AK1*PO*1", "AK2*850*0001", f"{tag}*A", "AK9*A*1*1*1"], kind)
    assert answer(an_interchange([a_group([answered], "FA", release=release)])) is None
    assert answer(an_interchange([a_group([answered], "ZZ", release=release)])) is None


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (("", ""), "A*000"),
        (("IEA*1*000000001", "IEA*1*000000002"), "R*001"),
        (("IEA*1*", "IEA*4*"), "R*021"),
        (("IEA*1*000000001~", ""), "R*023"),
    ],
)
def test_ta1(damage: tuple[str, str], expected: str) -> None:
    isa, groups, findings = outcomes(an_interchange().replace(*damage))
    assert "*".join(interchange_acknowledgement(isa, findings, groups) or []) == f"TA1*000000001*260115*0930*{expected}"


def test_a_ta1_travels_alone_or_with_the_groups() -> None:
    written = answer(an_interchange(), ta1=True)
    assert segments(written)[1] == "TA1*000000001*260115*0930*A*000"
    assert [one.kind for one in answers(written)] == ["TA1", "997", "997"]
    isa, groups, findings = outcomes(an_interchange())
    receipt = interchange_acknowledgement(isa, findings, groups)
    alone = answer_interchange(isa, [], AnswerNumbers(5), WHEN, ta1=receipt)
    assert segments(alone)[-1] == "IEA*0*000000005"
    assert faultless(alone)


def test_what_we_say_is_read_back() -> None:
    first, second, group = answers(
        answer(an_interchange([a_group([a_set(BAD_ORDER), a_set(ORDER[1:], number="0002")])]))
    )
    assert (first.outcome, first.functional_id, first.group_control_number) == (Outcome.ACCEPTED_WITH_ERRORS, "PO", "1")
    assert (first.set_id, first.set_control_number) == ("850", "0001")

    def places(findings: Iterable[Finding]) -> list[tuple[str, str | None, int | None, int | None, str | None]]:
        return [(f.code, f.segment, f.position, f.element, f.value) for f in findings]

    assert places(first.findings) == [
        ("invalid-date", "BEG", 2, 5, "20261345"),
        ("invalid-character", "PO1", 5, 2, "12X"),
        ("conditional-element-missing", "PO1", 5, 7, None),
        ("unrecognized-segment", "ZZZ", 9, None, None),
    ]
    assert places(second.findings) == [("mandatory-segment-missing", "BEG", 2, None, None)]
    assert second.outcome is Outcome.REJECTED
    assert (group.set_id, group.outcome, group.counts) == (None, Outcome.PARTIALLY_ACCEPTED, (2, 2, 1))


def test_a_hostile_value_does_not_break_our_answer() -> None:
    bad = a_set(["BEG*00*SA*PO1**X~TA1".replace("~", "\x07"), *ORDER[1:]])
    written = answer(an_interchange([a_group([bad])]))
    assert faultless(written)


def test_a_partners_numbers_that_hold_our_separators_do_not_break_the_answer() -> None:
    text = an_interchange([a_group([a_set(ORDER[1:], number="0*0~1")])]).replace("*", "|").replace("~", "!")
    text = text.replace("|0|0!1", "|0*0~1").replace("000000001", "00*0~0001")
    written = answer(text, ta1=True)
    assert segments(written)[1].startswith("TA1*00 0 0001*")
    assert segments(written)[5] == "AK2*850*0 0 1"
    assert faultless(written)


def test_a_release_as_some_write_it_is_still_that_release() -> None:
    text = an_interchange().replace("*004010", "*4010")
    assert "AK1*PO*1" in segments(answer(text))
