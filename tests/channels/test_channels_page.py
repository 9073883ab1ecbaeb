"""docs/channels.md: its examples are connections, every wire is there, and so is every key of its connection."""

from __future__ import annotations

import re

import pytest
import yaml
from counterparties import ROOT

from gateway.channels.directory import WORKING
from gateway.channels.filename import PARTIAL
from gateway.channels.table import POLLERS, SENDERS
from gateway.partners.connections import KINDS

PAGE = (ROOT / "docs" / "channels.md").read_text(encoding="utf-8")


def test_every_example_is_a_connection() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    kinds = set()
    for example in examples:
        for said in yaml.load(example, Loader=yaml.BaseLoader).values():
            KINDS[said["kind"]].model_validate(said)
            kinds.add(said["kind"])
    assert kinds == {"directory", "http", "sftp"}


@pytest.mark.parametrize("kind", sorted({*POLLERS, *SENDERS} - {"as2"}))
def test_every_wire_has_a_section(kind: str) -> None:
    assert f"\n## {kind}\n" in PAGE


def test_names_that_are_left_alone_are_listed() -> None:
    assert all(f"`{ending}`" in PAGE for ending in (*PARTIAL, WORKING))
