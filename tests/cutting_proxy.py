"""A proxy between two gateways that logs what reached it, raw, and breaks what it is told to break."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """What happens to one request."""

    NONE = "goes through"
    CUT_REQUEST = "the connection breaks in the middle of the request"
    CUT_ANSWER = "the answer is lost"
    KILL_BEFORE = "the receiver is killed before it has the whole request"
    KILL_AFTER = "the receiver is killed after it answered, and the answer is lost"
    HELD = "waits until it is let go, and so does every other receipt for the same message"


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came."""

    message_id: str
    is_receipt: bool
    body: bytes
    fault: Fault
    at: float  # on the monotonic clock
    about: str  # of a receipt: the message it is for


@dataclass
class Proxy:
    """Loopback in front of one gateway."""

    port: int
    target: int
    kill: Callable[[], object] = lambda: None  # SIGKILL for the process behind
    faults: list[tuple[bool, Fault]] = field(default_factory=list)  # (receipts or messages, fault), each used once
    seen: list[Seen] = field(default_factory=list)
    answered: list[tuple[str, float]] = field(default_factory=list)  # Message-ID, and when its sender had the answer
    let_go: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/as2"

    def serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), client:
            while (request := _message(client)) is not None:
                if not self._pass_on(client, request):
                    return

    def _pass_on(self, client: socket.socket, request: bytes) -> bool:
        head, _, body = request.partition(b"\r\n\r\n")
        message_id, about = _value(b"message-id", head), _value(b"original-message-id", body)
        is_receipt = b"disposition-notification" in head and b"Disposition-Notification-To" not in head
        with self._lock:
            fault = self._fault(is_receipt, about)
            self.seen.append(Seen(message_id, is_receipt, body, fault, time.monotonic(), about))
        if fault is Fault.HELD:
            self.let_go.wait()  # the end of the proxy lets go in any case
        with socket.create_connection(("127.0.0.1", self.target), 10) as server:
            if fault in (Fault.CUT_REQUEST, Fault.KILL_BEFORE):
                server.sendall(request[: len(request) // 2])
                if fault is Fault.KILL_BEFORE:
                    self.kill()
                return False
            server.sendall(request)
            answer = _message(server)
            if fault is Fault.KILL_AFTER:
                self.kill()
            if answer is None or fault in (Fault.CUT_ANSWER, Fault.KILL_AFTER):
                return False
            client.sendall(answer)
            self.answered.append((message_id, time.monotonic()))
            return True

    def _fault(self, is_receipt: bool, about: str) -> Fault:
        """The next one of its kind. A receipt is held from the first one for its message on, or not at all."""
        before = [one.fault for one in self.seen if is_receipt and one.about == about]
        if Fault.HELD in before:
            return Fault.HELD
        for one in self.faults:
            if one[0] == is_receipt and not (before and one[1] is Fault.HELD):
                self.faults.remove(one)
                return one[1]
        return Fault.NONE


def _value(name: bytes, text: bytes) -> str:
    found = re.search(rb"^%s: *(.*?)\r?$" % name, text, re.I | re.M)
    return found[1].decode() if found else ""


def _message(wire: socket.socket) -> bytes | None:
    """One HTTP message with its body; None at the end of the connection."""
    held = b""
    while b"\r\n\r\n" not in held:
        piece = wire.recv(65536)
        if not piece:
            return None
        held += piece
    length = re.search(rb"^content-length: *(\d+)", held, re.I | re.M)
    whole = held.index(b"\r\n\r\n") + 4 + int(length[1] if length else 0)
    while len(held) < whole:
        piece = wire.recv(65536)
        if not piece:
            return None
        held += piece
    return held


@contextmanager
def proxy(target: int) -> Iterator[Proxy]:
    """Serve until the block ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    made = Proxy(listening.getsockname()[1], target)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                threading.Thread(target=made.serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield made
    finally:
        made.let_go.set()
        listening.close()
