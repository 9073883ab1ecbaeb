"""`gateway migrate`, `backup`, `restore`: as a person types them."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.stop import Stop


def gateway(verb: str, *arguments: object) -> Result:
    app = importlib.import_module(f"gateway.cli.{verb}").app
    result = CliRunner().invoke(app, list(map(str, arguments)))
    if isinstance(result.exception, Stop):
        raise result.exception
    return result


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GATEWAY_DATABASE_URL", "GATEWAY_PAYLOAD_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GATEWAY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_migrate_makes_the_key_and_the_tables_and_says_so(home: Path) -> None:
    first = gateway("migrate")
    assert first.exit_code == 0
    assert str(home / "payload.key") in first.output
    assert "applied: 0001" in first.output
    assert "up to date" in gateway("migrate").output
    assert gateway("migrate", "--check").exit_code == 0


def test_check_changes_nothing(home: Path) -> None:
    assert gateway("migrate", "--check").exit_code == 1
    assert gateway("migrate", "--check").exit_code == 1


def test_a_backup_is_restored_into_a_new_home(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway("migrate")
    assert "payload key is not in it" in gateway("backup", tmp_path / "b.zip").output
    with pytest.raises(Stop, match="--replace"):
        gateway("backup", tmp_path / "b.zip")
    assert gateway("backup", "--replace", tmp_path / "b.zip").exit_code == 0
    monkeypatch.setenv("GATEWAY_PAYLOAD_KEY", f"file:{home / 'payload.key'}")
    monkeypatch.setenv("GATEWAY_HOME", str(tmp_path / "new"))
    assert "control numbers go on 1000 later" in gateway("restore", tmp_path / "b.zip").output


def test_what_is_no_backup_is_refused_in_words(home: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("not a zip")
    with pytest.raises(Stop, match="no backup of the gateway"):
        gateway("restore", tmp_path / "x")
    with pytest.raises(Stop, match="no such file"):
        gateway("restore", tmp_path / "nothing")
    assert not home.exists()


def test_each_speaks_json_to_scripts(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads(gateway("migrate", "--check", "--json").stdout)["missing"][0] == "0001"
    assert json.loads(gateway("migrate", "--json").stdout)["applied"][0] == "0001"
    assert json.loads(gateway("migrate", "--check", "--json").stdout) == {"missing": []}
    made = json.loads(gateway("backup", "--json", tmp_path / "b.zip").stdout)
    monkeypatch.setenv("GATEWAY_PAYLOAD_KEY", f"file:{home / 'payload.key'}")
    monkeypatch.setenv("GATEWAY_HOME", str(tmp_path / "new"))
    assert json.loads(gateway("restore", "--json", tmp_path / "b.zip").stdout) == made
