from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
import typer

from gateway.cli.main import VERBS


def gateway(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "gateway", *arguments], capture_output=True, text=True, check=False)


def test_version_and_help_answer() -> None:
    assert gateway("--version").stdout.startswith("gateway ")
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
