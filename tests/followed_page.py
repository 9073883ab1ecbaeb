"""A page of docs/ followed word by word: its files are written, its commands are run, in its order, in one shell.

A block is ```sh (run it), ```<language> <file> (write it), or ```text (what somebody would see; left alone).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from gateway.cli.story.parties import free_port

DOCS = Path(__file__).parent.parent / "docs"
USUAL = "127.0.0.1:8800"  # what pages write for the address of the web process


def blocks(page: str) -> list[tuple[str, str, str]]:
    """(language, file or nothing, text) of every fenced block of a page."""
    text = (DOCS / page).read_text("utf-8")
    return re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def follow(page: str, folder: Path, replaced: Mapping[str, str] | None = None, **settings: str) -> str:
    """Run the page in a folder, with a port of its own (and further words `replaced`); returns what was printed.

    Fails where a command fails.
    """
    own = f"127.0.0.1:{free_port()}"
    script = ["set -e", "trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT"]
    for language, file, text in blocks(page):
        if file:
            script.append(f"cat > {file} <<'END_OF_FILE'\n{text}END_OF_FILE")
        elif language == "sh":
            for usual, here in {USUAL: own, **(replaced or {})}.items():
                text = text.replace(usual, here)
            script.append(text)
        else:
            assert language == "text", f"docs/{page}: what is a block of {language}?"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GATEWAY_HTTP_BIND": own,
        "NO_PROXY": "127.0.0.1",
        **settings,
    }
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout
