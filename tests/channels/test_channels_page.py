"""docs/channels.md: its examples are connections, every wire is there, and its tables are those of the settings."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import yaml
from counterparties import ROOT

from gateway.channels.directory import WORKING
from gateway.channels.filename import PARTIAL
from gateway.channels.table import SETTINGS, settings_of
from gateway.partners.values import Written, write_duration

PAGE = (ROOT / "docs" / "channels.md").read_text(encoding="utf-8")
EVERY_CONNECTION = {"kind", "lane", "every", "schedule", "events"}  # keys that belong to no wire


def table(model: type[Written]) -> str:
    """The settings of one wire as the page shows them."""
    rows = ["| setting | default | |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        default = "" if field.default is None else field.default
        if field.is_required():
            default = "needed"
        elif isinstance(default, timedelta):
            default = f"`{write_duration(default)}`"
        elif isinstance(default, bool):
            default = f"`{str(default).lower()}`"
        elif isinstance(default, int):
            default = f"{default:,}"
        elif isinstance(default, str) and default:
            default = f'`"{default}"`'
        else:
            default = ""
        rows.append(f"| `{name}` | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def test_every_example_is_a_connection() -> None:
    kinds = set()
    for example in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
        for said in yaml.load(example, Loader=yaml.BaseLoader).values():
            settings_of(said["kind"], {name: value for name, value in said.items() if name not in EVERY_CONNECTION})
            kinds.add(said["kind"])
    assert kinds == set(SETTINGS)


@pytest.mark.parametrize("kind", sorted(SETTINGS))
def test_every_wire_has_a_section_with_its_settings(kind: str) -> None:
    section = PAGE.partition(f"\n## {kind}\n")[2].partition("\n## ")[0]
    assert table(SETTINGS[kind]) in section, f"put this under `## {kind}`:\n\n{table(SETTINGS[kind])}"


def test_names_that_are_left_alone_are_listed() -> None:
    assert all(f"`{ending}`" in PAGE for ending in (*PARTIAL, WORKING))
