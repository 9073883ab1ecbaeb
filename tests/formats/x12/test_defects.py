"""Planted defects are found where they were planted, and none is invented."""

from __future__ import annotations

import argparse
import random
from collections import defaultdict

import pytest

from benchmarks import gen_x12
from gateway.formats.report import Closed, InterchangeReport, SetReport, Verdict
from gateway.formats.x12.report import judge

# defect: what is said of an 850, and of an 856: code, standard code, segment, element
EXPECTED = {
    "missing_mandatory": [("mandatory-segment-missing", "3", "BEG|BSN", None)],
    "bad_date": [("invalid-date", "8", "DTM", 2)],
    "too_long": [("element-too-long", "5", "N4", 2)],
    "bad_code": [("invalid-code-value", "7", "N1", 1)],
    "bad_number": [("invalid-number", "6", "PO1|SN1", 2)],
    "pair": [("conditional-element-missing", "2", "N1", 4)],
    "unexpected_segment": [("unrecognized-segment", "1", "ZZZ", None)],
    "se_count": [("segment-count-wrong", "4", "SE", 1)],
    "se_control": [("set-control-number-mismatch", "3", "SE", 2)],
}


@pytest.mark.parametrize("options", [[], ["--version", "005010"], ["--eol", "\\n"], ["--sep", "|", "--term", "\\n"]])
@pytest.mark.parametrize("set_id", ["850", "856"])
def test_planted_defects_are_found_and_none_invented(set_id: str, options: list[str]) -> None:
    arguments = gen_x12.parse_args([set_id, "--orders", "150", "--lines", "6", "--defect-rate", "0.5", *options])
    manifest: list[dict[str, object]] = []
    text = gen_x12.interchange(arguments, random.Random(4), 1, 1, manifest)
    planted = {str(defect["st"]): str(defect["defect"]) for defect in manifest}
    assert set(planted.values()) == set(EXPECTED)
    reports: dict[str, list[SetReport]] = defaultdict(list)
    for event in judge([text.encode()]):
        if isinstance(event, SetReport):
            reports[event.control_number].append(event)
        elif isinstance(event, Closed) and isinstance(event.report, InterchangeReport):
            assert event.report.findings == []
            assert event.report.verdict is Verdict.ACCEPT_WITH_ERRORS
    assert len(reports) == 150
    for number, (report,) in reports.items():
        found = [(f.code, f.standard_code, f.segment, f.element) for f in report.findings]
        if number not in planted:
            assert found == []
            continue
        wanted = EXPECTED[planted[number]]
        assert len(found) == len(wanted), (planted[number], found)
        for (code, standard, segment, element), said in zip(wanted, found, strict=True):
            assert (said[0], said[1], said[3]) == (code, standard, element)
            assert said[2] in segment.split("|")


def test_the_generator_makes_valid_documents() -> None:
    for set_id in gen_x12.SETS:
        arguments = gen_x12.parse_args([set_id, "--orders", "20"])
        assert isinstance(arguments, argparse.Namespace)
        text = gen_x12.interchange(arguments, random.Random(1), 1, 1, [])
        reports = [event for event in judge([text.encode()]) if isinstance(event, SetReport)]
        assert len(reports) == 20
        assert all(report.findings == () for report in reports)
