"""CONTRL says what was refused and is itself a right CONTRL."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.formats.edifact.acknowledge import Received, control
from gateway.formats.edifact.inspection import inspect
from gateway.formats.report import GroupReport, InterchangeReport, Opened, SetReport, Verdict, file_verdict

WHEN = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)


def answer(text: str) -> str | None:
    received = Received(InterchangeReport("", "", "", ""))
    for event in inspect([text.encode("latin-1")]):
        match event:
            case Opened(InterchangeReport() as report):
                received = Received(report)
            case Opened(GroupReport() as report):
                received.groups.append((report, []))
            case SetReport():
                received.groups[-1][1].append(event)
    made = control(received, "9", WHEN)
    return None if made is None else made.decode("latin-1")


GOOD = "UNH+1+ORDERS:D:96A:UN'BGM+220'DTM+137:1:102'LIN+1'UNS+S'UNT+6+1'"
BAD = "UNH+2+ORDERS:D:96A:UN'BGM+220'DTM+137:1:102'LIN+1'UNT+5+2'"


def wrapped(*messages: str, reference: str = "77") -> str:
    body = "".join(messages)
    return f"UNB+UNOC:3+AC?+ME:14+US:14+261120:1200+77'{body}UNZ+{len(messages)}+{reference}'"


def test_an_accepted_interchange_is_acknowledged_as_a_whole_to_its_sender() -> None:
    assert answer(wrapped(GOOD)) == (
        "UNB+UNOC:3+US:14+AC?+ME:14+261120:1230+9'UNH+1+CONTRL:D:3:UN'UCI+77+AC?+ME:14+US:14+7'UNT+3+1'UNZ+1+9'"
    )


def test_a_refused_message_is_named_with_the_missing_segments_place() -> None:
    text = answer(wrapped(GOOD, BAD))
    assert text is not None
    assert (
        "UCI+77+AC?+ME:14+US:14+7'UCM+2+ORDERS:D:96A:UN+4+13+UNT'" in text
        or "UCM+2+ORDERS:D:96A:UN+4'UCS+5+13'" in text
    )
    assert file_verdict(inspect([text.encode()])) is Verdict.ACCEPT


def test_a_refused_interchange_says_why() -> None:
    assert "UCI+77+AC?+ME:14+US:14+4+28+UNZ'" in (answer(wrapped(GOOD, reference="78")) or "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (wrapped(GOOD).removesuffix("UNZ+1+77'"), "+4+13+UNZ'"),
        (wrapped(), "+4+32+UNB'"),
        (wrapped(GOOD, "").replace("UNZ+2", "UNZ+3"), "+4+29+UNZ'"),
        (wrapped(GOOD.replace("UNT+6+1'", "")), "+7'UCM+1+ORDERS:D:96A:UN+4+13+UNT'"),
    ],
    ids=["no trailer", "empty", "count", "no message trailer"],
)
def test_what_is_missing_what_is_empty_and_what_is_miscounted_have_codes_of_their_own(text: str, said: str) -> None:
    assert said in (answer(text) or "")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("UNB+UNOC:3+ME+US+261120:1200+77++++++1'", "UNB+UNOC:3+US+ME+261120:1230+9++++++1'UNH+1+CONTRL:D:3:UN'"),
        ("UNB+UNOC:4+ME+US+20261120:1200+77'", "UNB+UNOC:4+US+ME+20261120:1230+9'UNH+1+CONTRL:4:1:UN'"),
        ("UNB+UNOW:4+M\xc3\x89+US+20261120:1200+77'", "UNB+UNOW:4+US+M\xc3\x89+20261120:1230+9'UNH+1+CONTRL:4:1:UN'"),
    ],
    ids=["a test stays a test", "syntax version 4", "bytes of UTF-8"],
)
def test_it_goes_back_in_the_syntax_lane_and_bytes_it_came_in(header: str, expected: str) -> None:
    text = answer(f"{header}{GOOD}UNZ+1+77'") or ""
    assert text.startswith(expected)
    assert file_verdict(inspect([text.encode("latin-1")])) is Verdict.ACCEPT


def test_an_answer_is_not_answered() -> None:
    assert answer(wrapped("UNH+1+CONTRL:D:3:UN'UCI+1+A+B+7'UNT+3+1'")) is None
