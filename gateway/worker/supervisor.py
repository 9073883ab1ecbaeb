"""The parent of the gateway's processes: starts them, starts them again when one dies, passes signals on, ends them.

A child holds the reading end of a pipe whose other end only the supervisor has: when the supervisor is killed, the pipe
ends and the child ends too (`until_supervisor_dies`), so no worker is left behind without a parent.

Each life of a child has a name of its own (`owner`), and a worker's leases carry it: whoever starts the supervisor is
told of every life that ended badly (`died`) and can give its work back at once instead of when its leases run out.
"""

from __future__ import annotations

import gc
import logging
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

log = logging.getLogger(__name__)

LIFELINE = "GATEWAY_LIFELINE_FD"
LIFE = "GATEWAY_LIFE"
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0
HEALTHY_S = 60.0
"""A child that lived this long is started again at once when it dies."""


@dataclass(slots=True)
class Child:
    """One process to keep alive."""

    name: str  # "web", "worker"
    argv: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    life: str = ""
    started_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    start_at: float = field(default=0.0)


class Supervisor:
    """Keeps its children alive until it is told to stop."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        grace_s: float = 30.0,
        environment: Mapping[str, str],
        died: Callable[[str], None] = lambda owner: None,
    ) -> None:
        self._children = list(children)
        self._grace_s = grace_s
        self._died = died
        self._environment = dict(environment)
        self._lifeline, self._held = os.pipe()
        self._stopping = False
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> int:
        """Until SIGTERM or SIGINT; 0 if every child ended in time and by itself."""
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        previous_wakeup = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        try:
            while not self._stopping:
                self._restart_dead()
                self._sleep()
            return self._end_children()
        finally:
            signal.set_wakeup_fd(previous_wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._held)

    def stop(self) -> None:
        self._stopping = True
        os.write(self._wake, b"\0")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _sleep(self) -> None:
        """Until a signal (a child that died is one) or the next planned start."""
        planned = [child.start_at for child in self._children if child.process is None]
        timeout = max(min(planned) - time.monotonic(), 0) if planned else None
        ready, _, _ = select.select([self._woken], [], [], timeout)
        if ready:
            os.read(self._woken, 4096)

    def _restart_dead(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                lived = now - child.started_at
                child.pause_s = FIRST_PAUSE_S if lived > HEALTHY_S else min(child.pause_s * 2, LONGEST_PAUSE_S)
                child.start_at = now + child.pause_s
                how = _how_it_ended(child.process.returncode)
                log.error(
                    "the %s process %s after %.0f s; it is started again in %.1f s",
                    child.name,
                    how,
                    lived,
                    child.pause_s,
                )
                self._bury(child)
            if child.process is None and now >= child.start_at:
                self._start(child)

    def _bury(self, child: Child) -> None:
        assert child.process is not None
        try:
            self._died(owner(child.life, child.process.pid))
        except Exception:
            log.warning("the work of the %s process waits until its leases run out", child.name, exc_info=True)
        child.process = None

    def _start(self, child: Child) -> None:
        child.life = secrets.token_hex(4)
        environment = {**self._environment, LIFELINE: str(self._lifeline), LIFE: child.life}
        # A session of its own: Ctrl-C reaches the supervisor only, which then ends its children in order.
        child.process = subprocess.Popen(  # noqa: S603 - our own command line
            child.argv, env=environment, pass_fds=[self._lifeline], start_new_session=True
        )
        child.started_at = time.monotonic()
        log.info("the %s process runs, pid %d", child.name, child.process.pid)

    def _end_children(self) -> int:
        running = [(child, child.process) for child in self._children if child.process is not None]
        for _, process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._grace_s
        clean = True
        for child, process in running:
            try:
                code = process.wait(max(deadline - time.monotonic(), 0))
                clean = clean and code in (0, -signal.SIGTERM)
            except subprocess.TimeoutExpired:
                log.error(
                    "pid %d did not end within %.0f s and is killed; its work is safe", process.pid, self._grace_s
                )
                process.kill()
                process.wait()
                self._bury(child)
                clean = False
        return 0 if clean else 1


def collect_less() -> None:
    """For a process that serves: what stands at its start stays, and a batch keeps its documents until its commit.

    Looking for cycles among them every 700 objects, Python's default, finds none and cost a tenth of the worker's time.
    """
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)


def until_supervisor_dies(then: Callable[[], None], environment: Mapping[str, str]) -> None:
    """In a child: call `then` once, from a thread, when the supervisor is gone. Does nothing without one."""
    lifeline = environment.get(LIFELINE)
    if lifeline is None:
        return

    def watch() -> None:
        os.read(int(lifeline), 1)  # nobody ever writes: it returns when the last writer is gone
        log.warning("the supervisor is gone; this process ends")
        then()

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def owner(life: str, pid: int) -> str:
    """How a process of this machine signs its leases."""
    return f"{socket.gethostname()}:{pid}:{life}"


def own_name(environment: Mapping[str, str]) -> str:
    """How this process signs its leases: as the supervisor knows it, or as nobody else does."""
    return owner(environment.get(LIFE) or secrets.token_hex(4), os.getpid())


def this_program(*arguments: str) -> list[str]:
    """The command line that runs a verb of this installation: `gateway run --only worker`."""
    return [sys.executable, "-m", "gateway", *arguments]


def _how_it_ended(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
