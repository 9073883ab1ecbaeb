from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from profile_texts import FILES, ROOT

from cli.deployments import Deployment
from gateway.cli.init import app
from gateway.partners.book import texts


def test_a_starter_is_the_example_word_for_word(deployment: Deployment) -> None:
    assert texts(deployment.folder / "partners", deployment.folder / "maps") == FILES
    assert (deployment.folder / "sample_docs/maps/x12-850-order/plain/document.edi").is_file()


def test_a_folder_with_something_in_it_is_left_alone(deployment: Deployment, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("x")
    done = deployment.run(app, str(tmp_path / "mine"))
    assert done.exit_code == 2
    assert "is not empty" in done.output
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["file"]


@pytest.mark.slow
def test_an_installed_wheel_carries_the_starter(tmp_path: Path) -> None:
    """Built from a copy, installed beside the packages of this environment, run far from the checkout."""
    source = tmp_path / "src"
    for name in ("gateway", "partners", "maps", "sample_docs"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, source]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True)
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    site = next((tmp_path / "venv" / "lib").glob("python*/site-packages"))
    for entry in Path(packages).iterdir():  # everything we depend on, without the checkout's own link
        if "gateway" not in entry.name and entry.suffix != ".pth" and not (site / entry.name).exists():
            (site / entry.name).symlink_to(entry)
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("GATEWAY_", "PYTHON"))}
    for arguments, where in ((("init", "edi"), tmp_path), (("check",), tmp_path / "edi")):
        done = subprocess.run(
            [python, "-m", "gateway", *arguments], cwd=where, env=clean, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert texts(tmp_path / "edi" / "partners", tmp_path / "edi" / "maps") == FILES
