"""What partners really send as acknowledgements."""

from __future__ import annotations

import pytest
from x12_documents import rows

from gateway.formats.finding import Finding
from gateway.formats.words import message_and_remedy, place
from gateway.formats.x12.answers import Outcome, answer_of_ta1, answers_of
from gateway.formats.x12.codes import Code


def test_a_997_of_ak9_alone_answers_the_group() -> None:
    (answer,) = answers_of(rows(["ST*997*0001", "AK1*PO*25", "AK9*R*3*3*0*5", "SE*4*0001"]))
    assert (answer.outcome, answer.group_control_number, answer.set_id) == (Outcome.REJECTED, "25", None)
    assert [finding.code for finding in answer.findings] == ["set-count-wrong"]


def test_short_control_numbers_are_given_as_they_came() -> None:
    answer, _ = answers_of(rows(["ST*997*1", "AK1*PO*1", "AK2*850*7", "AK5*A", "AK9*A*1*1*1", "SE*6*1"]))
    assert answer.set_control_number == "7"


def test_segments_in_error_without_detail_stay_a_finding() -> None:
    answer, _ = answers_of(rows(["ST*997*1", "AK1*PO*1", "AK2*850*7", "AK5*R*5", "AK9*R*1*1*0", "SE*6*1"]))
    assert [(finding.code, finding.standard_code) for finding in answer.findings] == [("refused-by-partner", "5")]


def test_a_component_is_found_whatever_separates_it() -> None:
    found = ["ST*997*1", "AK1*PO*1", "AK2*850*7", "AK3*REF*4*N1*8", "AK4*4:2*127*5*LONG", "AK5*R*5", "AK9*R*1*1*0"]
    (finding,) = answers_of(rows(found))[0].findings
    assert (finding.element, finding.component, finding.loop, finding.reference) == (4, 2, "N1", "127")


STANDARD = sorted({code.standard for code in Code if code.standard} | {"15", "99", "I9", ""})


@pytest.mark.parametrize("code", STANDARD)
def test_whatever_a_partner_says_has_a_sentence_without_a_hole(code: str) -> None:
    said = [
        ["ST*997*1", "AK1*PO*1", "AK2*850*7", f"AK3*REF*4**{code}", "AK5*R*5", "AK9*R*1*1*0", "SE*7*1"],
        ["ST*997*1", "AK1*PO*1", "AK2*850*7", "AK3*REF*4**8", f"AK4*2**{code}", "AK5*R*5", "AK9*R*1*1*0", "SE*8*1"],
        ["ST*997*1", "AK1*PO*1", "AK2*850*7", f"AK5*R*{code}", f"AK9*R*1*1*0*{code}", "SE*6*1"],
        ["ST*824*1", "BGN*11*1*20260115", "OTI*TR*IV*INV123", f"TED*{code}", "SE*5*1"],
    ]
    found: list[Finding] = [finding for one in said for answer in answers_of(rows(one)) for finding in answer.findings]
    found += answer_of_ta1(["TA1", "000000007", "260115", "0930", "R", code]).findings
    assert found
    for finding in found:
        sentence, remedy = message_and_remedy(finding)
        assert "nothing" not in sentence
        assert "segment a segment" not in sentence
        assert remedy
        assert place(finding) or finding.code == "refused-by-partner"


@pytest.mark.parametrize(
    ("code", "outcome"), [("A", Outcome.ACCEPTED), ("R", Outcome.REJECTED), ("?", Outcome.UNKNOWN)]
)
def test_ta1_answers_an_interchange(code: str, outcome: Outcome) -> None:
    answer = answer_of_ta1(["TA1", "000000007", "260115", "0930", code, "001"])
    assert (answer.outcome, answer.interchange_control_number) == (outcome, "000000007")
    assert answer.findings[0].code == "interchange-control-number-mismatch"


def test_a_ta1_says_which_value_of_ours_they_do_not_know() -> None:
    (found,) = answer_of_ta1(["TA1", "000000007", "260115", "0930", "R", "006"]).findings
    assert (found.code, found.segment, found.element) == ("refused-by-partner", "ISA", 6)
    assert message_and_remedy(found)[0] == "They do not accept what we sent: our id is not one they know."


def test_an_824_names_the_document_and_the_words_of_its_refusal() -> None:
    text = [
        "ST*824*0001",
        "BGN*11*1*20260115",
        "OTI*TR*IV*INV123*ACME*US*20260115**9*0042*810",
        "TED*848*Price differs from order*IT1*5*4**9.95",
        "NTE**Ask your buyer",
        "OTI*TA*IV*INV124",
        "SE*7*0001",
    ]
    refused, accepted = answers_of(rows(text))
    assert (refused.outcome, refused.reference, refused.set_control_number) == (
        Outcome.REJECTED,
        ("IV", "INV123"),
        "0042",
    )
    (finding,) = refused.findings
    assert (finding.segment, finding.position, finding.element, finding.value) == ("IT1", 5, 4, "9.95")
    assert finding.expected == "Price differs from order; Ask your buyer"
    assert (accepted.outcome, accepted.findings) == (Outcome.ACCEPTED, ())


def test_an_824_without_words_of_its_own_is_said_in_ours() -> None:
    text = ["ST*824*1", "BGN*11*1*20260115", "OTI*TC*IV*INV123", "TED*007**IT1*5*4", "SE*5*1"]
    (answer,) = answers_of(rows(text))
    assert (answer.outcome, answer.about) == (Outcome.ACCEPTED_WITH_ERRORS, "IV INV123")
    assert message_and_remedy(answer.findings[0])[0] == "They do not accept what we sent: something is missing."


def test_another_set_answers_nothing() -> None:
    with pytest.raises(ValueError, match="850"):
        answers_of(rows(["ST*850*1"]))
