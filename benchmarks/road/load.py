"""A small load generator: so many connections, each sends its next request when it has the answer to the last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Answers:
    """What came back, in the order it came."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def quantile(self, share: float) -> float:
        """In milliseconds."""
        return quantile(self.seconds, share) * 1000


def quantile(values: list[float], share: float) -> float:
    """The value below which this share of them lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def post(address: str, path: str, bodies: Iterator[bytes], *, connections: int, key: str = "") -> Answers:
    """Send every body once; returns when all are answered."""
    answers = Answers()
    asyncio.run(_all(address, path, bodies, connections, key, answers))
    return answers


async def _all(address: str, path: str, bodies: Iterator[bytes], connections: int, key: str, answers: Answers) -> None:
    await asyncio.gather(*(_one(address, path, bodies, key, answers) for _ in range(connections)))


async def _one(address: str, path: str, bodies: Iterator[bytes], key: str, answers: Answers) -> None:
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    authorization = f"Authorization: Bearer {key}\r\n" if key else ""
    head = f"POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/edi-x12\r\n{authorization}"
    for body in bodies:
        began = time.perf_counter()
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(length(answer))
        answers.seconds.append(time.perf_counter() - began)
        status = int(answer[9:12])
        answers.statuses[status] = answers.statuses.get(status, 0) + 1
    writer.close()


def length(head: bytes) -> int:
    """Bytes of the body that follows this head."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0
