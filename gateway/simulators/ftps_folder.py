"""A partner's FTPS server: one folder on this disk, one login. It listens on loopback.

It is pyftpdlib, a real server and no part of the product: where it is not installed a rehearsal says that a folder
stands in (story/loopback.py).
"""

from __future__ import annotations

import threading
from pathlib import Path

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_FTPHandler
from pyftpdlib.servers import ThreadedFTPServer


def serve(port: int, pem: Path, folder: Path, login: tuple[str, str], *, implicit: bool) -> None:
    """Take logins until the process ends; `pem` holds the certificate and its key."""

    class Handler(TLS_FTPHandler):  # type: ignore[misc]
        certfile = str(pem)
        tls_control_required = tls_data_required = True
        authorizer = DummyAuthorizer()

        def handle(self) -> None:
            if implicit:
                self.secure_connection(self.ssl_context)
            else:
                super().handle()

        def handle_ssl_established(self) -> None:
            if implicit:
                super().handle()

    Handler.authorizer.add_user(*login, str(folder), perm="elradfmwMT")
    server = ThreadedFTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"handle_exit": False}, daemon=True).start()
