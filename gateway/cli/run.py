"""`gateway run`: the server. A web, a worker and an SFTP process under a supervisor, or one of them alone."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Any

import typer

from gateway.cli.opening import first_run, settings
from gateway.cli.stop import Stop
from gateway.settings import Settings
from gateway.store import lease
from gateway.store.crypto import BadKey
from gateway.store.engine import Store
from gateway.worker.supervisor import Child, Supervisor, collect_less, this_program, until_supervisor_dies

app = typer.Typer(add_completion=False)

log = logging.getLogger("gateway")

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # glibc's malloc.h
MEGABYTE = 1024 * 1024


class Part(StrEnum):
    """What one process of the gateway does."""

    WEB = "web"  # takes documents and answers questions
    WORKER = "worker"  # reads, translates, sends, asks
    SFTP = "sftp"  # partners log in, leave files and fetch ours


@app.command()
def run(
    only: Annotated[
        Part | None, typer.Option("--only", help="Run one part in this process, so that parts may run on many hosts.")
    ] = None,
) -> None:
    """Run the gateway until it is told to stop (Ctrl-C, SIGTERM).

    Settings are environment variables: GATEWAY_HOME, GATEWAY_DATABASE_URL, GATEWAY_HTTP_BIND, ... The first run makes
    the database and the key that seals stored bodies, publishes the profiles, and says where everything is.
    """
    chosen = settings()
    logging.basicConfig(
        level=chosen.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    for chatty in ("httpx", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        match only:
            case Part.WEB:
                _web(chosen)
            case Part.WORKER:
                _worker(chosen)
            case Part.SFTP:
                _sftp(chosen)
            case None:
                raise typer.Exit(_everything(chosen))
    except BadKey as error:
        raise Stop(str(error)) from None


def _everything(chosen: Settings) -> int:
    _must_be_free("GATEWAY_HTTP_BIND", chosen.http_host, chosen.http_port)
    if chosen.sftp_bind:
        _must_be_free("GATEWAY_SFTP_BIND", chosen.sftp_host, chosen.sftp_port)
    prepare(chosen)
    parts = [part for part in Part if part is not Part.SFTP or chosen.sftp_bind]
    children = [Child(part, this_program("run", "--only", part)) for part in parts]
    log.info("the gateway answers on %s", chosen.public_url or f"http://{chosen.http_bind}")

    def died(owner: str) -> None:
        with chosen.open_store() as store, store.begin() as tx:
            if count := lease.expire(tx, owner):
                log.info("%d pieces of work that were under way are taken up again", count)

    return Supervisor(children, grace_s=chosen.drain_seconds + 10.0, environment=os.environ, died=died).run()


def _must_be_free(variable: str, host: str, port: int) -> None:
    """Said before anything starts: a part that cannot listen would be started again for ever."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        used = error.errno == errno.EADDRINUSE
        why = "another program, or another gateway, listens there" if used else (error.strerror or str(error))
        raise Stop(f"{variable} {host}:{port} cannot be used: {why}; name another address or port") from None


def prepare(chosen: Settings) -> None:
    """What must be there before a process runs: home, key, tables, a published book."""
    from gateway.partners.book import Book
    from gateway.partners.faults import ProfileFaults
    from gateway.pipeline import publishing

    made = first_run(chosen)
    if made is not None:
        log.info("a key that seals stored bodies was made: %s; keep a copy elsewhere", made)
    with chosen.open_store() as store:
        if applied := store.migrate():
            log.info("the database %s was brought up to date in %d steps", store.url, len(applied))
        with store.read() as view:
            published = publishing.active_hash(view)
        if published is None:
            if not chosen.partners.is_dir():
                raise Stop(f"no profiles are published and {chosen.partners} is no folder; `gateway init` makes one")
            try:
                book = Book.load(chosen.partners, chosen.maps)
            except ProfileFaults as faults:
                raise Stop(f"the profiles cannot be used:\n{faults}") from None
            with store.begin() as tx:
                publishing.publish(tx, book, by="first run")
            log.info("the profiles of %s were published as %s", chosen.partners, book.revision[:12])
        _say_if_nobody_can_log_in(store, chosen)


def _say_if_nobody_can_log_in(store: Store, chosen: Settings) -> None:
    from gateway.pipeline import publishing

    with store.read() as view:
        active = publishing.active_hash(view)
        texts = publishing.files_of(view, active) if active and not chosen.sftp_bind else {}
    waiting = [
        name for name, text in texts.items() if name.endswith("connections.yaml") and "kind: sftp-server" in text
    ]
    if waiting:
        log.warning("GATEWAY_SFTP_BIND is not set: nobody can log in by SFTP as %s let them", ", ".join(waiting))


def _web(chosen: Settings) -> None:
    import uvicorn

    from gateway.api.patience import PatientHttp
    from gateway.api.serving import application
    from gateway.pipeline.house import Furniture

    _must_be_free("GATEWAY_HTTP_BIND", chosen.http_host, chosen.http_port)
    # Memory of bodies is used again: to get every page anew from the kernel costs a tenth of a message of 1 MB.
    _allocate((M_ARENA_MAX, 1), (M_MMAP_THRESHOLD, 16 * MEGABYTE), (M_TRIM_THRESHOLD, 32 * MEGABYTE))

    with chosen.open_store() as store:
        furniture = Furniture(store)
        server = uvicorn.Server(
            uvicorn.Config(
                application(store, furniture.house(), chosen),
                host=chosen.http_host,
                port=chosen.http_port,
                loop="uvloop",
                http=PatientHttp,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=chosen.drain_seconds,
            )
        )

        def end() -> None:
            server.should_exit = True

        until_supervisor_dies(end, os.environ)
        collect_less()
        server.run()
        furniture.close()


def _worker(chosen: Settings) -> None:
    from gateway.pipeline.house import Furniture
    from gateway.worker.serving import worker

    with chosen.open_store() as store:
        furniture = Furniture(store)
        working = worker(store, furniture, chosen)

        def end(*_: Any) -> None:
            working.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        until_supervisor_dies(end, os.environ)
        collect_less()
        working.run()
        furniture.close()


def _sftp(chosen: Settings) -> None:
    _small()
    from gateway.pipeline.house import Furniture
    from gateway.sftpd import host_keys
    from gateway.sftpd.keeping import Keeper
    from gateway.sftpd.serving import server

    if not chosen.sftp_bind:
        raise Stop("GATEWAY_SFTP_BIND is not set: write the address and port of the SFTP server, 0.0.0.0:2222")
    _must_be_free("GATEWAY_SFTP_BIND", chosen.sftp_host, chosen.sftp_port)
    try:
        keys = host_keys.load(chosen.sftp_host_keys) or host_keys.make(chosen.home)
    except host_keys.BadHostKey as error:
        raise Stop(str(error)) from None
    with chosen.open_store() as store:
        furniture = Furniture(store)
        keeper = Keeper(furniture.house())
        serving = server(keeper, keys, chosen)
        log.info("SFTP answers on %s with the host keys %s", chosen.sftp_bind, ", ".join(k.fingerprint for k in keys))

        def end(*_: Any) -> None:
            threading.Thread(target=serving.stop, args=(chosen.drain_seconds,), name="stop").start()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        until_supervisor_dies(end, os.environ)
        collect_less()
        serving.serve()
        keeper.close()
        furniture.close()


def _small() -> None:
    """Many sessions in little memory: without what libraries load for uses that are not ours."""
    # paramiko wants invoke for one word of ssh_config, httpx has a command line in colours
    sys.modules.update({"invoke": None, "httpx._main": None})  # type: ignore[dict-item]
    _allocate((M_ARENA_MAX, 1))  # a thread a session, and none of them allocates much


def _allocate(*options: tuple[int, int]) -> None:
    import ctypes

    with suppress(AttributeError):  # a libc that is not glibc
        for option, value in options:
            ctypes.CDLL(None).mallopt(option, value)
