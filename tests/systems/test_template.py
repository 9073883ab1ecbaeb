from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.systems.template import ABSENT, TemplateFault, Text, Unfilled, compile_template, fill, fill_text, point

SCOPE = {
    "key": "D-7",
    "document": {
        "order_number": "PO 1/2",
        "total": "12.50",
        "huge": "0.12345678901234567890",
        "count": 3,
        "flag": False,
        "nothing": None,
        "lines": [{"sku": "A", "n": "1"}, {"n": "2"}],
    },
}


def filled(raw: Any) -> Any:
    return fill(compile_template(raw), SCOPE)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{document.count}", 3),
        ("{document.flag}", False),
        ("n={document.count}, {document.flag}", "n=3, false"),
        ("{document.total}", "12.50"),
        ("{document.total as number}", 12.5),
        ("{document.count as text}", "3"),
        ("{document.missing | document.count}", 3),
        ("{document.nothing | key}", "D-7"),
        ('{document.missing | "EA"}', "EA"),
        ('{document.missing | "a | b"}', "a | b"),
        ("{3}", 3),
        ("{true}", True),
        ("{document.lines.1.n}", "2"),
        ({"a": "{document.missing?}", "b": "{key}"}, {"b": "D-7"}),
        ({"a": {"b": "{document.missing?}"}, "c": "x"}, {"c": "x"}),
        ({}, {}),
        (["{key}", "{document.missing?}"], ["D-7"]),
        (
            {"each": "document.lines", "as": "line", "make": {"s": "{line.sku?}", "n": "{number}"}},
            [{"s": "A", "n": 1}, {"n": 2}],
        ),
        ({"each": "document.lines", "as": "line", "key": "{line.n}", "make": "{line.sku?}"}, {"1": "A"}),
        ({"l": {"each": "document.none?", "as": "x", "make": "{x}"}, "k": "{key}"}, {"k": "D-7"}),
    ],
)
def test_values_go_into_their_places_and_keep_their_type(raw: Any, value: Any) -> None:
    result = filled(raw)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("{document.missing}", "document.missing"),
        ("x{document.lines}", "document.lines"),
        ("{key as number}", "key"),
        ("{document.huge as number}", "document.huge"),
        ({"each": "document.count", "as": "x", "make": "{x}"}, "document.count"),
    ],
)
def test_what_cannot_be_filled_names_the_path(raw: Any, path: str) -> None:
    with pytest.raises(Unfilled) as refused:
        filled(raw)
    assert refused.value.path == path


@pytest.mark.parametrize(
    "raw",
    ["{", "}", "{}", "{a.b", "a}b", "{a..b}", "{a b}", "{a|}", "{a as date}", "{__import__('os')}", "{a()}", "{{a}}",
     {"each": "a"}, {"each": "a", "as": "b.c", "make": "x"}],
)  # fmt: skip
def test_anything_but_values_is_refused_when_it_is_read(raw: Any) -> None:
    with pytest.raises(TemplateFault):
        compile_template(raw)


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_value_cannot_walk_through_addresses(value: str) -> None:
    template = compile_template("/orders/{v}/x")
    assert isinstance(template, Text)
    with pytest.raises(Unfilled):
        fill_text(template.parts, {"v": value}, in_path=True)


@given(st.text(min_size=1))
def test_a_value_in_a_path_stays_one_segment(value: str) -> None:
    template = compile_template("/orders/{v}/x")
    assert isinstance(template, Text)
    if value in (".", ".."):
        return
    try:
        written = fill_text(template.parts, {"v": value}, in_path=True)
    except UnicodeEncodeError:
        return  # a lone surrogate is no text any address can hold
    assert written.count("/") == 3
    assert not set(written) & set("?# \r\n\\")


def test_pointers_follow_rfc_6901() -> None:
    value = {"a/b": {"m~n": [10, {"": 1}]}}
    assert point(value, "") is value
    assert point(value, "/a~1b/m~0n/0") == 10
    assert point(value, "/a~1b/m~0n/1/") == 1
    assert point(value, "/a~1b/m~0n/2") is ABSENT
    assert point(value, "/a~1b/m~0n/-1") is ABSENT
