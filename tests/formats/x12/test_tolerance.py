"""Every named relaxation: its sample under sample_docs/tolerance shows it alone, and it weighs what is agreed."""

from __future__ import annotations

from pathlib import Path

import pytest
from x12_documents import an_interchange

from gateway.formats.finding import Finding, FormatError, Severity
from gateway.formats.report import Closed, SetReport, Verdict, file_verdict
from gateway.formats.x12.codes import Code
from gateway.formats.x12.report import judge
from gateway.formats.x12.tolerance import LENIENT, RELAXATIONS, STANDARD, STRICT, Preset, Tolerance

SAMPLES = Path(__file__).parents[3] / "sample_docs" / "tolerance"
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


EVERY = [(name, code) for name, relaxation in RELAXATIONS.items() for code in relaxation.codes]


def said(path: Path, tolerate: Tolerance) -> list[Finding]:
    found: list[Finding] = []
    try:
        for event in judge([path.read_bytes()], tolerate=tolerate):
            match event:
                case SetReport():
                    found += event.findings
                case Closed():
                    found += event.report.findings
                case Finding():
                    found.append(event)
    except FormatError:
        assert found  # a file without a usable header says so before it ends
    return found


@pytest.mark.parametrize(("name", "code"), EVERY, ids=[code.value for _, code in EVERY])
def test_a_deviation_is_the_only_finding_of_its_sample_and_weighs_what_is_agreed(name: str, code: Code) -> None:
    path = SAMPLES / name / f"{code.value}.edi"
    for preset in Preset:
        agreed: Severity = getattr(RELAXATIONS[name], preset.value)
        assert [(f.code, f.severity) for f in said(path, Tolerance(preset))] == [(code.value, agreed)], preset
        for severity in Severity:
            (finding,) = said(path, Tolerance(preset, {name: severity}))
            assert (finding.code, finding.severity) == (code.value, severity)


def test_every_sample_shows_a_deviation() -> None:
    assert {path.relative_to(SAMPLES).as_posix() for path in SAMPLES.rglob("*.*")} == {
        f"{name}/{code.value}.edi" for name, code in EVERY
    }
