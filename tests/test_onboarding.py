"""docs/onboarding.md followed word by word: its files are written, its commands are run, in its order."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "onboarding.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.story
@pytest.mark.skipif(shutil.which("curl") is None, reason="the page uses curl")
def test_the_page_works_as_it_is_written(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = ["set -e", "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT"]
    for language, file, text in BLOCKS:
        if file:
            script.append(f"cat > {file} <<'END_OF_FILE'\n{text}END_OF_FILE")
        else:
            assert language == "sh"
            script.append(text.replace("127.0.0.1:8800", f"127.0.0.1:{port}"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GATEWAY_HTTP_BIND": f"127.0.0.1:{port}",
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    assert "no faults." in done.stdout
    assert "4 of 4 maps hold." in done.stdout
    assert done.stdout.count("Published as") == 2
    assert "PS-1001" in done.stdout.split("Published as")[1]


def test_every_file_it_writes_is_named() -> None:
    assert [file for _, file, _ in BLOCKS if file] == [
        "partners/pine-street/partner.yaml",
        "first-order.edi",
        "partners/pine-street/connections.yaml",
    ]
