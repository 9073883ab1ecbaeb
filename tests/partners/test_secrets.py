from __future__ import annotations

from pathlib import Path

import pytest

from gateway.partners.secrets import SecretMissing, resolve


def test_a_reference_is_looked_up_when_it_is_used(tmp_path: Path) -> None:
    kept = tmp_path / "token"
    kept.write_text("s3cret\n")
    assert resolve(f"file:{kept}", {}) == "s3cret"
    kept.write_text("changed\n")
    assert resolve(f"file:{kept}", {}) == "changed"
    assert resolve("env:TOKEN", {"TOKEN": "abc"}) == "abc"
    assert resolve("https://a.example/", {}) == "https://a.example/"


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretMissing, match="no variable TOKEN"):
        resolve("env:TOKEN", {})
    with pytest.raises(SecretMissing, match="cannot be read"):
        resolve(f"file:{tmp_path}/none", {})
