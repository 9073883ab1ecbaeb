"""HTTP clients that stay on the address they are given, each used by one thread at a time.

No redirect is followed, and no proxy and no password is taken from the environment.

One httpx client may be shared by threads, but its pool then closes now and again a connection that another thread has
just begun to use: it looks whether an idle connection is readable, and by then the answer has come (httpcore 1.0,
`has_expired`). That thread waits for its answer until its time-out, and what it asked for is in doubt.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

import httpx

KEPT = 4
"""Clients that wait for their next use, each with a connection that may still be open."""

HEADERS = {"Accept-Encoding": "identity", "User-Agent": "b2b-gateway"}


class Clients:
    """As many clients as are in use at once; time-outs in seconds."""

    def __init__(
        self,
        timeout: float | httpx.Timeout,
        *,
        trust: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`trust` says whom to believe where something was agreed."""
        self._timeout = timeout
        self._trust = trust
        self._headers = {**HEADERS, **(headers or {})}
        self._waiting: list[httpx.Client] = []
        self._closed = False

    @contextmanager
    def one(self) -> Iterator[httpx.Client]:
        """A client nobody else uses meanwhile, the one used last if there is one."""
        try:
            client = self._waiting.pop()
        except IndexError:
            client = self._open()
        try:
            yield client
        finally:
            if self._closed or len(self._waiting) >= KEPT:
                client.close()
            else:
                self._waiting.append(client)

    def _open(self) -> httpx.Client:
        trust = self._trust or public_authorities()
        return httpx.Client(
            follow_redirects=False, trust_env=False, verify=trust, timeout=self._timeout, headers=self._headers
        )

    def close(self) -> None:
        """Those in use are closed when they come back."""
        self._closed = True
        while self._waiting:
            self._waiting.pop().close()


@cache
def public_authorities() -> ssl.SSLContext:
    """Whom we believe over TLS where nothing else was agreed; to read them takes some 20 ms."""
    return httpx.create_ssl_context(trust_env=False)
