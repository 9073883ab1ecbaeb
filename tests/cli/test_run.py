"""The server as a process: it makes what it needs, answers, and ends in order when told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from gateway.cli.story.parties import free_port

ROOT = Path(__file__).parents[2]


def environment(home: Path, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    own = {"GATEWAY_HOME": str(home), "GATEWAY_HTTP_BIND": f"127.0.0.1:{port}"}
    return {**kept, **own, "GATEWAY_PARTNERS": str(ROOT / "partners"), "GATEWAY_MAPS": str(ROOT / "maps")}


def answer(url: str) -> object:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as reply:
            return json.loads(reply.read())
    except urllib.error.URLError:
        return None


@pytest.mark.story
def test_a_first_run_answers_and_ends_when_told(tmp_path: Path) -> None:
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "run"],
            env=environment(tmp_path / "home", port),
            cwd=tmp_path,
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + 60
        while answer(f"http://127.0.0.1:{port}/readyz") != {"status": "ready"}:
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, (tmp_path / "log").read_text()
    finally:
        process.kill()
        process.wait()
    said = (tmp_path / "log").read_text()
    assert (tmp_path / "home" / "payload.key").stat().st_mode & 0o777 == 0o600
    assert "were published as" in said
    assert "Traceback" not in said


def test_no_profiles_is_a_sentence(tmp_path: Path) -> None:
    chosen = environment(tmp_path / "home", 1) | {"GATEWAY_PARTNERS": str(tmp_path / "none")}
    command = [sys.executable, "-m", "gateway", "run"]
    ran = subprocess.run(command, env=chosen, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 2
    assert "`gateway init` makes one" in ran.stderr
    assert "Traceback" not in ran.stderr
