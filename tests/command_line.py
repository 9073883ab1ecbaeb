"""`gateway ...` as a shell runs it, in this process: a process of its own takes a second to begin."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from unittest.mock import patch

from gateway.cli.main import main

ROOT = Path(__file__).parents[1]


def gateway(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run in the folder of the project; how it ended, and every byte it wrote."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    wires = {"stdin": io.TextIOWrapper(io.BytesIO(stdin)), "stdout": out, "stderr": err}
    code: object = None
    with patch.multiple(sys, argv=["gateway", *arguments], **wires), chdir(ROOT):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    written = []
    for one in (out, err):
        one.flush()
        written.append(one.buffer.getvalue())  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(arguments, int(str(code or 0)), *written)
