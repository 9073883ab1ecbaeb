"""What a work item says: whoever reads it can do it."""

from __future__ import annotations

import re

import pytest
from pipeline_road import Road
from road_documents import interchange, order

from gateway.cli.main import VERBS
from gateway.pipeline.situations import SITUATIONS, say
from gateway.store import schema


@pytest.mark.parametrize("code", SITUATIONS)
def test_a_remedy_names_commands_that_there_are(code: str) -> None:
    remedy = SITUATIONS[code].what_to_do
    assert set(re.findall(r"`gateway (\w+)", remedy)) <= set(VERBS)
    assert not re.search(r"(?<!they )\b(run|send) (it|them|the \w+) again\b(?! \()|skip (it|the)|\bclose this", remedy)


def test_a_sentence_keeps_to_one_line_and_says_what_is_not_known() -> None:
    assert say("{a} and {b}", {"a": "x\ny" + "z" * 200}) == "x y" + "z" * 116 + "… and (not known)"


def test_what_an_item_is_about_stands_in_its_command(road: Road) -> None:
    broken = [segment for segment in order() if not segment.startswith("BEG")]
    broken[-1] = f"SE*{len(broken)}*0001"
    road.receive(interchange([broken]))
    road.receive(b"no document", name="garbage")
    road.work()
    told = {row.code: row.what_to_do for row in road.rows(schema.work_item)}
    (document,) = road.rows(schema.document, direction="in")
    assert told["document-rejected"].endswith(f"`gateway reprocess D-{document.id}`.")
    assert "`gateway reprocess T-2` reads it again" in told["file-unreadable"]
