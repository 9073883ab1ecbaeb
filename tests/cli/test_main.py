from __future__ import annotations

import os
import socket
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import command_line
import pytest
import typer

from gateway.cli.main import VERBS


def gateway(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    with patch.dict(os.environ, environment):
        done = command_line.gateway(*arguments)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def in_a_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def test_version_and_help_answer() -> None:
    assert in_a_process("--version").stdout.startswith("gateway ")
    help_text = gateway("--help").stdout
    assert all(verb in help_text for verb in VERBS)


def test_an_unknown_verb_is_a_sentence_and_exit_code_2() -> None:
    done = gateway("nosuchverb")
    assert done.returncode == 2
    assert "nosuchverb" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_its_file_with_an_app(verb: str) -> None:
    assert isinstance(import_module(f"gateway.cli.{verb}").app, typer.Typer)


@pytest.mark.parametrize("verb", ["run", "apply", "migrate"])
def test_a_home_that_cannot_be_made_is_a_sentence(verb: str) -> None:
    done = gateway(verb, GATEWAY_HOME="/proc/nowhere", GATEWAY_HTTP_BIND="127.0.0.1:0", GATEWAY_PARTNERS="partners")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "gateway: GATEWAY_HOME /proc/nowhere cannot be made or written: No such file or directory\n"


@pytest.mark.parametrize(
    ("verb", "url", "said"),
    [
        ("trace", "postgresql://nobody:x@127.0.0.1:1/x", "Connection refused"),
        ("run", "postgresql://nobody:x@127.0.0.1:1/x", "Connection refused"),
        ("trace", "sqlite:///{home}/payload.key", "file is not a database"),
    ],
)
def test_a_database_that_cannot_be_used_is_a_sentence(tmp_path: Path, verb: str, url: str, said: str) -> None:
    words = ["X"] if verb == "trace" else []
    home = tmp_path / "home"
    assert gateway("migrate", GATEWAY_HOME=str(home)).returncode == 0
    done = gateway(
        verb,
        *words,
        GATEWAY_DATABASE_URL=url.format(home=home),
        GATEWAY_HOME=str(home),
        GATEWAY_HTTP_BIND="127.0.0.1:0",
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("gateway: the database cannot be used: ")
    assert said in done.stderr
    assert "our fault" not in done.stderr


def test_a_database_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    done = gateway("trace", "X", GATEWAY_DATABASE_URL=f"sqlite:///{tmp_path}/other/x.db", GATEWAY_HOME=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == (
        f"gateway: there is no gateway in {tmp_path}/other/x.db; `gateway run` makes one there, "
        "GATEWAY_DATABASE_URL names another\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["run"], ["run", "--only", "web"], ["run", "--only", "sftp"]])
def test_a_port_in_use_is_said_before_anything_starts(tmp_path: Path, words: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        place = f"127.0.0.1:{other.getsockname()[1]}"
        chosen = "GATEWAY_SFTP_BIND" if "sftp" in words else "GATEWAY_HTTP_BIND"
        home = tmp_path / "home"
        done = in_a_process(*words, **{"GATEWAY_HTTP_BIND": "127.0.0.1:0", chosen: place, "GATEWAY_HOME": str(home)})
    assert done.returncode == 2
    assert done.stderr == (
        f"gateway: {chosen} {place} cannot be used: another program, or another gateway, listens there; "
        "name another address or port\n"
    )
    assert not home.exists()


def test_apply_outside_a_deployment_makes_nothing(tmp_path: Path) -> None:
    places = {"GATEWAY_HOME": str(tmp_path / "home"), "GATEWAY_PARTNERS": str(tmp_path / "partners")}
    done = gateway("apply", "--dry-run", **places)
    assert done.returncode == 2
    assert "is no folder" in done.stderr
    assert not (tmp_path / "home").exists()


def test_a_setting_that_is_wrong_is_named_without_our_jargon() -> None:
    done = gateway("trace", "X", GATEWAY_DATABASE_URL="mysql://x", GATEWAY_HTTP_BIND="8800")
    assert done.returncode == 2
    assert "GATEWAY_DATABASE_URL: write sqlite:////absolute/path.db or postgresql://" in done.stderr
    assert "GATEWAY_HTTP_BIND: write host:port, such as 127.0.0.1:8800" in done.stderr
    assert "Value error" not in done.stderr


def test_a_folder_without_a_file_is_no_accepted_file(tmp_path: Path) -> None:
    for words in (["inspect"], ["inspect", "--json"]):
        done = gateway(*words, str(tmp_path))
        assert (done.returncode, done.stdout) == (2, "")
        assert "there is no file in this folder" in done.stderr
