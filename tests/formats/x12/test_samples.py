"""Every document of sample_docs/x12: those in pass/ are clean, those in fail/ give exactly their findings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.formats.finding import Finding
from gateway.formats.x12.frames import Acknowledged, GroupOpened, InterchangeOpened, SetFramed, Skipped
from gateway.formats.x12.framing import Reader
from gateway.formats.x12.guide import Guide, packaged

SAMPLES = Path(__file__).parents[3] / "sample_docs" / "x12"
PASS = sorted(SAMPLES.glob("*/*/pass/*.edi"))
FAIL = sorted(SAMPLES.glob("*/*/fail/*.edi"))
SAID = ("code", "standard_code", "segment", "position", "element", "component", "loop", "value")


def name(path: Path) -> str:
    return str(path.relative_to(SAMPLES))


def read(path: Path) -> tuple[list[str], list[Finding]]:
    """What a sample holds, set by set, and everything found in it, envelope included."""
    holds: list[str] = []
    findings: list[Finding] = []
    version, separators = "", None
    for frame in Reader([path.read_bytes()]):
        if isinstance(frame, Skipped):
            findings.append(frame.finding)
            continue
        if isinstance(frame, Acknowledged):
            holds.append("TA1")
            continue
        findings += frame.findings
        if isinstance(frame, InterchangeOpened):
            separators = frame.separators
        elif isinstance(frame, GroupOpened):
            version = frame.gs[8]
        elif isinstance(frame, SetFramed):
            holds.append(frame.set_id)
            guide, said = Guide.nearest(version, frame.set_id)
            assert guide is not None
            assert said is None
            assert separators is not None
            findings += guide.check(frame.rows, separators, text=frame.text).findings
    return holds, findings


@pytest.mark.parametrize("path", PASS, ids=name)
def test_a_right_document_is_clean(path: Path) -> None:
    holds, findings = read(path)
    assert set(holds) == {path.parts[-3]}
    assert not findings


@pytest.mark.parametrize("path", FAIL, ids=name)
def test_a_wrong_document_gives_exactly_its_findings(path: Path) -> None:
    holds, findings = read(path)
    assert set(holds) == {path.parts[-3]}
    found = [{key: value for key in SAID if (value := getattr(f, key)) is not None} for f in findings]
    assert found == json.loads(path.with_suffix(".findings.json").read_text("utf-8"))


@pytest.mark.parametrize("samples", [PASS, FAIL], ids=["pass", "fail"])
def test_every_guide_has_samples(samples: list[Path]) -> None:
    sampled = {path.parts[-4:-2] for path in samples}
    guides = packaged()
    wanted = {(release, set_id) for release in guides.releases() for set_id in guides.sets(release)}
    assert not wanted - sampled
