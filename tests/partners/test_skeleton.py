from __future__ import annotations

import pytest
from profile_texts import FILES

from gateway.partners.skeleton import WORDS, fill
from gateway.pipeline.proofreading import faults_in, proofread


@pytest.mark.parametrize("template", WORDS)
def test_every_skeleton_is_without_faults_and_knows_only_the_test_lane(template: str) -> None:
    files = FILES | fill(template, name="cedar-cove", title="Cedar Cove Logistics", our="northwind")
    assert faults_in(files) == []
    theirs = [a for a in proofread(files).agreements.values() if a.partner == "cedar-cove"]
    assert theirs
    assert {agreement.lane for agreement in theirs} == {"test"}
    assert "@" not in "".join(text for name, text in files.items() if "cedar-cove" in name).replace("@title", "")
