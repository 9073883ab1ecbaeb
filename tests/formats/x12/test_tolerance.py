from __future__ import annotations

import pytest
from x12_documents import an_interchange

from gateway.formats.finding import Severity
from gateway.formats.report import Verdict, file_verdict
from gateway.formats.x12.codes import Code
from gateway.formats.x12.report import judge
from gateway.formats.x12.tolerance import LENIENT, RELAXATIONS, STANDARD, STRICT, Tolerance

ORDER = (Severity.WARNING, Severity.ERROR, Severity.REJECTS)


def test_every_code_belongs_to_exactly_one_relaxation() -> None:
    belonging = [code for relaxation in RELAXATIONS.values() for code in relaxation.codes]
    assert sorted(belonging) == sorted(Code)


def test_strict_is_never_milder_and_lenient_never_stricter() -> None:
    for relaxation in RELAXATIONS.values():
        weights = [ORDER.index(w) for w in (relaxation.lenient, relaxation.standard, relaxation.strict)]
        assert weights == sorted(weights), relaxation.sentence


def test_an_override_goes_before_the_preset() -> None:
    tolerate = Tolerance(overrides={"segment-count": Severity.REJECTS})
    assert tolerate.severity(Code.SEGMENT_COUNT_WRONG) is Severity.REJECTS
    assert tolerate.severity(Code.INVALID_DATE) is STANDARD.severity(Code.INVALID_DATE)


def test_an_override_without_a_relaxation_is_refused() -> None:
    with pytest.raises(ValueError, match="segment-cuont"):
        Tolerance(overrides={"segment-cuont": Severity.WARNING})


@pytest.mark.parametrize(
    ("tolerate", "verdict"),
    [(STRICT, Verdict.ACCEPT_WITH_ERRORS), (STANDARD, Verdict.ACCEPT_WITH_ERRORS), (LENIENT, Verdict.ACCEPT)],
)
def test_what_is_tolerated_stays_a_finding(tolerate: Tolerance, verdict: Verdict) -> None:
    events = list(judge([an_interchange().replace("SE*9", "SE*8").encode()], tolerate=tolerate))
    assert file_verdict(events) is verdict
    assert any("segment-count-wrong" in str(event) for event in events)
