"""Every finding has its words, and no words are without a finding."""

from __future__ import annotations

import re

import pytest

from gateway.formats.csvfile.inspection import Code as CsvCode
from gateway.formats.edifact.codes import Code as EdifactCode
from gateway.formats.file import Code as FileCode
from gateway.formats.finding import Finding
from gateway.formats.words import Mender, Names, catalogue, place, say
from gateway.formats.x12.answers import REFUSED
from gateway.formats.x12.codes import Code as X12Code
from gateway.formats.xml.inspection import Code as XmlCode

CODES = {code.value for kind in (X12Code, EdifactCode, CsvCode, XmlCode, FileCode) for code in kind} | {REFUSED}


class OrderNames:
    def segment(self, tag: str) -> str | None:
        return {"PO1": "line", "BEG": "beginning of order"}.get(tag)

    def element(self, tag: str, element: int, component: int | None) -> str | None:
        return "unit" if (tag, element, component) == ("PO1", 3, None) else None


NAMES: Names = OrderNames()


def test_every_code_has_words_and_no_words_are_unused() -> None:
    assert catalogue().keys() == CODES


@pytest.mark.parametrize("code", sorted(CODES))
def test_each_entry_is_said_whole_with_and_without_its_values(code: str) -> None:
    entry = catalogue()[code]
    for finding in (
        Finding(code),
        Finding(code, segment="PO1", position=9, element=3, loop="PO1", value="x", expected="y"),
    ):
        words = say(finding, NAMES, "850")
        assert not re.search(r"[{}\[\]]", " ".join((words.what, words.right, words.message)))
        assert words.what.endswith((".", "!", "?"))
    assert entry.why.endswith(".")
    assert entry.do.endswith(".")
    assert entry.who in Mender


def test_the_sentence_names_thing_and_value_and_the_place_stands_beside_it() -> None:
    finding = Finding("invalid-code-value", segment="PO1", position=15, element=3, value="PK")
    words = say(finding, NAMES, "850")
    assert words.what == "“unit” in “line” says “PK”, which is not in the list of codes."
    assert words.where == "850, segment 15, PO1-03"
    assert (
        words.message == "At 850, segment 15, PO1-03 you sent the code “PK”, which we do not know. What does it mean?"
    )


def test_places_of_rows_and_xml_are_said_their_own_way() -> None:
    assert place(Finding("csv-row-too-short", segment="row", position=4)) == "row 4"
    assert place(Finding("xml-not-well-formed", segment="/Order/Line", position=7)) == "line 7, /Order/Line"


def test_a_syntax_note_is_said_in_words() -> None:
    words = say(Finding("conditional-element-missing", segment="IT1", element=4, expected="P020304"), document="810")
    assert "elements 2 and 3 and 4 only together" in words.message


def test_a_value_too_long_for_a_sentence_is_shortened_in_it() -> None:
    words = say(Finding("element-too-long", segment="N1", position=3, element=2, value="x" * 500))
    assert len(words.what) < 150
