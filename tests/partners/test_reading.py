from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.partners.faults import Fault, ProfileFaults
from gateway.partners.reading import read


@pytest.mark.parametrize("word", ["NO", "01", "16:00", "yes", "1e3", "2026-12-25", "0x1f", ".5", "a b"])
def test_every_scalar_is_text(word: str) -> None:
    assert read("f", f"key: {word}\n").plain() == {"key": word}


@pytest.mark.parametrize(("written", "said"), [("", None), ("~", None), ("null", None), ("'~'", "~"), ("''", "")])
def test_nothing_is_not_an_empty_text(written: str, said: str | None) -> None:
    assert read("f", f"key: {written}\n").plain() == {"key": said}


def test_places_of_nested_keys_and_of_list_entries() -> None:
    node = read("f", "a:\n  b:\n  - x\n  - y: 1\n")
    assert str(node.at(("a", "b"))) == "f:2"
    assert str(node.at(("a", "b", 1, "y"))) == "f:4"
    assert str(node.at(("a", "nothing"))) == "f:1"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: b  # because", "because"),
        ("a: 'b # c'  # because", "because"),
        ("a: b#c", ""),
        ("a: b", ""),
        ("# before\na: b", ""),
    ],
)
def test_the_reason_is_the_comment_behind_the_value(text: str, why: str) -> None:
    assert next(read("f", text).leaves())[2].why == why


@given(st.text(max_size=200))
def test_whatever_text_comes_it_is_read_or_refused_with_a_place(text: str) -> None:
    faults: list[Fault] = []
    try:
        read("f", text)
    except ProfileFaults as refused:
        faults = refused.faults
    assert all(fault.file == "f" and fault.line >= 1 and fault.remedy for fault in faults)
