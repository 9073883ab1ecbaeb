"""HTTP as uvicorn speaks it, but with a limit on how long the head of a request may take.

uvicorn waits without end for headers that trickle in, so a few thousand sockets of somebody's could hold every
connection a process may have. A door looks after the body itself (as2.py).
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 20.0
"""From the connection, or the first byte of a request, to the end of its headers; they fit in one packet of most."""


class PatientHttp(HttpToolsProtocol):
    """Closes a connection whose request does not get to its body in time."""

    _too_late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def on_message_begin(self) -> None:
        self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._done()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._done()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._done()
        self._too_late = self.loop.call_later(HEAD_S, self._close)

    def _done(self) -> None:
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None

    def _close(self) -> None:
        self.transport.close()
