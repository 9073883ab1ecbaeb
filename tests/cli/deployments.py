"""A deployment in a folder, and the command line run in it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli import init
from gateway.cli.stop import Stop


@dataclass(frozen=True)
class Done:
    """How a verb ended: exit code, standard output, and all a person reads."""

    exit_code: int
    stdout: str
    output: str


class Deployment:
    """A folder made by `gateway init`, the place where a verb runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, app: typer.Typer, *arguments: str, answer: str = "") -> Done:
        """One verb. Stop becomes what the command line makes of it: its sentence and its exit code."""
        done = CliRunner().invoke(app, list(arguments), input=answer)
        if isinstance(done.exception, Stop):
            return Done(done.exception.code, done.stdout, f"{done.output}{done.exception}")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(done.exit_code, done.stdout, done.output)

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")


def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    folder = tmp_path / "edi"
    for name in list(os.environ):
        if re.match("GATEWAY_", name):
            monkeypatch.delenv(name)
    assert CliRunner().invoke(init.app, [str(folder)]).exit_code == 0
    monkeypatch.chdir(folder)
    return Deployment(folder)
