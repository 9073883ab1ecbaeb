"""Lines a program puts into a profile: in their place, and nothing else moves."""

from __future__ import annotations

import pytest
import yaml

from gateway.partners.editing import CannotEdit, add_item

ITEM = ["- certificate: |", "    -----BEGIN-----", "    AAA", "    -----END-----", "  use_from: 2027-01-01"]
HELD = {"certificate": "-----BEGIN-----\nAAA\n-----END-----\n", "use_from": "2027-01-01"}
BLOCK = """# The wires.
one:
  kind: as2                # by contract
  theirs:
  - certificate: file:/a   # until March
  lane: test

# The other one.
two:
  kind: as2
  theirs:
      - certificate: file:/b
        use_until: 2027-02-01

      # the last remark
"""


def theirs(text: str, name: str = "one") -> list[object]:
    found: list[object] = yaml.load(text, Loader=yaml.BaseLoader)[name]["theirs"]
    return found


@pytest.mark.parametrize("name", ["one", "two"])
def test_an_item_more_and_every_other_line_as_it_was(name: str) -> None:
    made = add_item(BLOCK, [name, "theirs"], ITEM)
    assert theirs(made, name) == [*theirs(BLOCK, name), HELD]
    assert [line for line in made.split("\n") if line.strip() not in "".join(ITEM)] == [
        line for line in BLOCK.split("\n") if line.strip() not in "".join(ITEM)
    ]
    assert made.startswith("# The wires.\none:\n  kind: as2                # by contract\n")


@pytest.mark.parametrize(
    "text",
    [
        "one:\n  theirs: []\n  lane: test\n",
        "one:\n  theirs: [{certificate: file:/a}]  # one only\n  lane: test\n",
        "one:\n  theirs: [{certificate: file:/a},\n    {certificate: file:/b},]\n",
        "one:\n  theirs:\n    - certificate: file:/a",
    ],
)
def test_however_the_list_is_written(text: str) -> None:
    assert theirs(add_item(text, ["one", "theirs"], ITEM)) == [*theirs(text), HELD]


@pytest.mark.parametrize("text", ["one:\n  lane: test\n", "one:\n  lane: test\n\n# the next\ntwo: {lane: test}\n"])
def test_a_list_is_begun_where_there_is_none(text: str) -> None:
    made = add_item(text, ["one", "theirs"], ITEM)
    assert theirs(made) == [HELD]
    assert yaml.load(made, Loader=yaml.BaseLoader).get("two") == yaml.load(text, Loader=yaml.BaseLoader).get("two")


@pytest.mark.parametrize("text", ["two: {}\n", "one: {lane: test}\n", "one:\n  theirs: none\n", "one: []\n"])
def test_what_only_a_person_should_touch(text: str) -> None:
    with pytest.raises(CannotEdit):
        add_item(text, ["one", "theirs"], ITEM)
