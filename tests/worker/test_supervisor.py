"""The parent process: children live, die, are started again, end in order, and never outlive it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from gateway.worker.supervisor import this_program

pytestmark = pytest.mark.faults

PARENT = r"""
import logging, os, sys
from gateway.worker.supervisor import Child, Supervisor
logging.basicConfig(level="INFO", format="%(message)s")
children = [Child(name, [sys.executable, "-c", sys.argv[2], name]) for name in sys.argv[1].split(",")]
died = lambda owner: os.write(1, f"died {owner}\n".encode())  # one write: others write to the same file
raise SystemExit(Supervisor(children, grace_s=float(sys.argv[3]), environment=os.environ, died=died).run())
"""
OBEDIENT = r"""
import os, signal, sys, threading
from gateway.worker.supervisor import own_name, until_supervisor_dies
ended = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())
until_supervisor_dies(ended.set, os.environ)
say = lambda *words: os.write(1, (" ".join(map(str, words)) + "\n").encode())
say("up", sys.argv[1], os.getpid(), own_name(os.environ))
while not ended.wait(0.05): pass
say("drained", sys.argv[1])
"""
DEAF = OBEDIENT.replace("lambda *_: ended.set()", "signal.SIG_IGN")
SHORT_LIVED = "raise SystemExit(3)"


class Family:
    """A supervisor and its children, and what they say."""

    def __init__(self, folder: Path, names: str, child: str, grace_s: float) -> None:
        self._log = folder / "log"
        with self._log.open("wb") as log:
            command = [sys.executable, "-c", PARENT, names, child, str(grace_s)]
            self.parent = subprocess.Popen(command, stdout=log, stderr=log)

    @property
    def said(self) -> list[str]:
        return self._log.read_text().splitlines()

    def pids(self) -> list[int]:
        return [int(line.split()[2]) for line in self.said if line.startswith("up ")]

    def until(self, true: Callable[[], bool], within_s: float = 120) -> None:
        deadline = time.monotonic() + within_s
        while not true():
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)

    def end(self) -> None:
        self.parent.kill()
        self.parent.wait()
        for pid in self.pids():
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Callable[[str, str], Family]]:
    made: list[Family] = []

    def make(names: str, child: str) -> Family:
        grace_s = 1.0 if child == DEAF else 100.0
        made.append(Family(tmp_path, names, child, grace_s))
        return made[-1]

    yield make
    for one in made:
        one.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_children_in_order(family: Callable[[str, str], Family], number: int) -> None:
    home = family("web,worker", OBEDIENT)
    home.until(lambda: len(home.pids()) == 2)
    home.parent.send_signal(number)
    assert home.parent.wait(60) == 0
    assert {"drained web", "drained worker"} <= set(home.said)
    assert not any(map(psutil.pid_exists, home.pids()))


def test_a_child_that_is_killed_is_started_again_and_the_other_is_left_alone(
    family: Callable[[str, str], Family],
) -> None:
    home = family("web,worker", OBEDIENT)
    home.until(lambda: len(home.pids()) == 2)
    killed, other = home.pids()
    os.kill(killed, signal.SIGKILL)
    home.until(lambda: len(home.pids()) == 3)
    assert psutil.pid_exists(other)
    assert any("SIGKILL" in line and "started again" in line for line in home.said)


def test_the_work_of_a_dead_child_is_given_back_under_the_name_it_signed_with(
    family: Callable[[str, str], Family],
) -> None:
    home = family("worker", OBEDIENT)
    home.until(lambda: len(home.pids()) == 1)
    (signed,) = [line.split()[3] for line in home.said if line.startswith("up ")]
    os.kill(home.pids()[0], signal.SIGKILL)
    home.until(lambda: f"died {signed}" in home.said)
    home.until(lambda: len(home.pids()) == 2)
    assert signed not in home.said[-1], "the next life has another name"


def test_a_child_that_cannot_live_is_started_less_and_less_often(family: Callable[[str, str], Family]) -> None:
    home = family("web", SHORT_LIVED)
    home.until(lambda: sum("exit code 3" in line for line in home.said) >= 3)
    pauses = [line.rsplit(" in ", 1)[1] for line in home.said if "started again" in line][:3]
    assert pauses == ["0.4 s", "0.8 s", "1.6 s"]


def test_children_do_not_outlive_a_killed_supervisor(family: Callable[[str, str], Family]) -> None:
    home = family("web,worker", OBEDIENT)
    home.until(lambda: len(home.pids()) == 2)
    home.parent.kill()
    home.parent.wait()
    home.until(lambda: not any(map(psutil.pid_exists, home.pids())))
    assert {"drained web", "drained worker"} <= set(home.said)


def test_a_child_that_does_not_end_in_time_is_killed_and_that_is_said(family: Callable[[str, str], Family]) -> None:
    home = family("worker", DEAF)
    home.until(lambda: len(home.pids()) == 1)
    home.parent.terminate()
    assert home.parent.wait(60) == 1
    assert any("is killed" in line for line in home.said)
    assert not psutil.pid_exists(home.pids()[0])


def test_our_own_program_is_run_by_this_python() -> None:
    assert this_program("run", "--only", "worker") == [sys.executable, "-m", "gateway", "run", "--only", "worker"]
