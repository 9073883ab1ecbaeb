"""Processes that begin at once: forked from one that has imported what they run, and killed like any other."""

from __future__ import annotations

import multiprocessing
import textwrap
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.as2_harness"])


def start(work: Callable[..., None], *arguments: object) -> ForkServerProcess:
    process = _PROCESSES.Process(target=work, args=arguments, daemon=True)  # it ends with the tests at the latest
    process.start()
    return process


def killed(script: str, ready: Callable[[], bool], *arguments: str) -> bool:
    """Run the text of a program and kill -9 it the moment something is so; false if it came to its end before."""
    process = start(_run, textwrap.dedent(script), arguments)
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        if not process.is_alive():
            assert ended(process) == 0
            return ready()
        time.sleep(0.001)
    process.kill()
    ended(process)
    return True


def _run(script: str, arguments: tuple[str, ...]) -> None:
    exec(script, {"arguments": arguments})


def ended(process: ForkServerProcess, within_s: float = 60) -> int:
    """How it ended."""
    process.join(within_s)
    assert process.exitcode is not None, "it goes on and on"
    return process.exitcode
