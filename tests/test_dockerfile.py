"""No Docker engine runs where this is developed: the file is linted, its build steps are run by hand in a folder."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINES = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text()).splitlines()
STEPS = [line.split(maxsplit=1) for line in LINES if line and not line.startswith("#")]


def rest(instruction: str) -> list[str]:
    return [words for name, words in STEPS if name == instruction]


def test_it_has_two_stages_and_pins_its_base() -> None:
    assert len(rest("FROM")) == 2
    assert all(re.match(r"python:3\.\d+-slim-\w+", image) for image in rest("FROM"))


def test_it_does_not_run_as_root() -> None:
    names = [name for name, _ in STEPS]
    assert rest("USER") == ["gateway"]
    assert names.index("USER") < names.index("ENTRYPOINT")


def test_it_says_whether_it_is_healthy() -> None:
    assert "/readyz" in rest("HEALTHCHECK")[0]


def test_everything_it_copies_exists_and_is_let_through() -> None:
    let_through = (ROOT / ".dockerignore").read_text()
    for words in rest("COPY"):
        if not words.startswith("--from"):
            for source in words.split()[:-1]:
                assert (ROOT / source).exists()
                assert f"!{source.removeprefix('./')}" in let_through


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_build_steps_make_a_working_gateway(tmp_path: Path) -> None:
    source, prefix = tmp_path / "src", tmp_path / "opt"
    source.mkdir()
    for words in rest("COPY"):
        if words.startswith("--from"):
            continue
        for name in words.split()[:-1]:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, source)
    build_steps = [step for step in rest("RUN") if "useradd" not in step]
    assert len(build_steps) == 3
    for step in build_steps:
        command = step.replace("/opt/gateway", str(prefix)).replace("python -m venv", f"{sys.executable} -m venv")
        subprocess.run(command, shell=True, check=True, cwd=source, capture_output=True)
    environment = {"PATH": f"{prefix}/bin:/usr/bin:/bin", "HOME": str(tmp_path), "GATEWAY_HOME": str(tmp_path / "home")}
    answer = subprocess.run(
        ["gateway", "--version"], check=True, capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert re.search(r"\d+\.\d+", answer.stdout)
    subprocess.run(["gateway", "init", "edi"], check=True, capture_output=True, env=environment, cwd=tmp_path)
    for folder in ("partners", "maps", "sample_docs/maps"):
        assert _files(tmp_path / "edi" / folder) == _files(ROOT / folder), "the installed package carries all of it"


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
