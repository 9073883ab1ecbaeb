"""Processes that begin at once: forked from one that has imported what they run, and killed like any other."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.as2_harness"])


def start(work: Callable[..., None], *arguments: object) -> ForkServerProcess:
    process = _PROCESSES.Process(target=work, args=arguments, daemon=True)  # it ends with the tests at the latest
    process.start()
    return process


def ended(process: ForkServerProcess, within_s: float = 60) -> int:
    """How it ended."""
    process.join(within_s)
    assert process.exitcode is not None, "it goes on and on"
    return process.exitcode
