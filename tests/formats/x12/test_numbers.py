"""A repeated control number is seen wherever it stands, and counting senders cost no memory."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from x12_documents import an_interchange

from gateway.formats.report import Closed, GroupReport, SetReport
from gateway.formats.x12.framing import Reader
from gateway.formats.x12.numbers import RUNS, Numbers
from gateway.formats.x12.report import judge


@given(st.lists(st.one_of(st.integers(0, 60).map(str), st.integers(0, 60).map("{:04}".format), st.text(max_size=3))))
def test_a_number_that_came_before_is_seen_also_after_a_restart(numbers: list[str]) -> None:
    met = Numbers()
    before: set[str | int] = set()
    for number in numbers:
        key = int(number) if number.isascii() and number.isdecimal() else number
        assert met.again(number) == (key in before and number != "")
        before.add(key)
        met = Numbers(json.loads(json.dumps(met.state())))


def test_counting_senders_need_one_run() -> None:
    met = Numbers()
    assert not any(met.again(f"{n:09}") for n in range(1, 200_000))
    assert met.state() == [[1, 199_999]]
    assert met.again("000000007")


def test_what_is_remembered_is_bounded() -> None:
    met = Numbers()
    for n in range(0, 4 * RUNS, 2):
        met.again(str(n))
        met.again(f"W{n}")
    met.again("9" * 5000)
    assert len(met.state()) == 2 * RUNS


def test_a_set_number_is_seen_again_later_in_its_group() -> None:
    text = an_interchange()
    start, end = text.index("ST*"), text.index("GE*")
    one = text[start:end]
    numbers = ["0001", "0002", "0003", "0001"]
    sets = "".join(one.replace("*0001~", f"*{number}~") for number in numbers)
    data = (text[:start] + sets + text[end:].replace("GE*1*", "GE*4*")).encode()
    said = [[f.code for f in event.findings] for event in judge([data]) if isinstance(event, SetReport)]
    assert said == [[], [], [], ["set-control-number-repeated"]]
    reader = Reader([data])
    frames = []
    for count, frame in enumerate(reader, 1):
        frames.append(frame)
        if count == 4:
            break
    state = json.loads(json.dumps(reader.state()))
    assert list(Reader([data[state["offset"] :]], state=state)) == list(Reader([data]))[4:]


def test_a_group_number_is_seen_again_later_in_its_interchange() -> None:
    text = an_interchange()
    start, end = text.index("GS*"), text.index("IEA*")
    group = text[start:end]
    number = group.split("~")[0].split("*")[6]
    other = str(int(number) + 1)
    second = group.replace(f"*{number}*X", f"*{other}*X").replace(f"GE*1*{number}", f"GE*1*{other}")
    data = (text[:start] + group + second + group + text[end:].replace("IEA*1*", "IEA*3*")).encode()
    closed = [e.report for e in judge([data]) if isinstance(e, Closed) and isinstance(e.report, GroupReport)]
    assert [[f.code for f in report.findings] for report in closed] == [[], [], ["group-control-number-repeated"]]
