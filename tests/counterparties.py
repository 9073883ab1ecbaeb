"""A simulated system as a process of its own, and what it saw."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[1]


class Simulator:
    """One running `python -m gateway.simulators.NAME`."""

    def __init__(self, name: str, folder: Path, *options: str) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.state = folder / f"{name}.db"
        self.options = options
        self.url = ""
        self.process = self._start("0")

    def _start(self, port: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", f"gateway.simulators.{self.name}", "--port", port]
        command += ["--log", str(self.log), "--state", str(self.state), *self.options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=dict(os.environ))
        assert process.stdout is not None
        self.url = json.loads(process.stdout.readline())["url"]
        return process

    def restart(self) -> None:
        self.stop()
        self.start_again()

    def start_again(self) -> None:
        self.process = self._start(self.url.rpartition(":")[2])

    def stop(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def control(self, **order: Any) -> None:
        httpx.post(f"{self.url}/control", json=order, trust_env=False, timeout=60, verify=False).raise_for_status()

    def summary(self) -> Any:
        return httpx.get(f"{self.url}/control", trust_env=False, timeout=60, verify=False).json()

    def arrivals(self, key: str, method: str | None = None) -> list[dict[str, Any]]:
        """Every request that carried this key, in its body or its query."""
        lines = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]
        return [
            line
            for line in lines
            if (key in line["body"] or key in line["query"].values()) and method in (None, line["method"])
        ]
