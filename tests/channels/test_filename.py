from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.filename import LONGEST, from_template, is_partial, is_plain, safe


@given(st.text())
def test_a_safe_name_is_always_one_plain_visible_short_name(text: str) -> None:
    name = safe(text)
    assert is_plain(name)
    assert name.isascii()
    assert len(name) <= LONGEST + 1
    assert not name.startswith((".", "-"))
    assert safe(name) == name


@given(st.text(), st.text())
def test_no_value_can_leave_its_place_in_a_template(number: str, partner: str) -> None:
    name = from_template("{set}_{number}_{partner}.edi", {"set": "855", "number": number, "partner": partner})
    assert is_plain(name)
    assert name.startswith("855_")


@pytest.mark.parametrize(
    ("template", "values", "name"),
    [
        ("{set}_{number}.edi", {"set": "855", "number": "000000001"}, "855_000000001.edi"),
        ("{number}", {"number": "../../etc/passwd"}, "etc_passwd"),
        ("{number}", {"number": ""}, "document"),
        ("{number}.edi", {"number": "con"}, "_con.edi"),
        ("out/{number}", {"number": "1"}, "out_1"),
    ],
)
def test_templates_make_names(template: str, values: dict[str, str], name: str) -> None:
    assert from_template(template, values) == name


@pytest.mark.parametrize("template", ["{other}", "{0}", "{set.__class__}", "{set[0]}", "{set!r}", "{set:>9}"])
def test_a_template_reaches_nothing_but_its_values(template: str) -> None:
    with pytest.raises(KeyError):
        from_template(template, {"set": "855"})


def test_partial_names() -> None:
    assert is_partial("x.edi.TMP")
    assert not is_partial("x.edi")
