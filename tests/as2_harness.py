"""A worker or a web process with an AS2 connection, and a place where it is to die.

`work` runs until nothing is owed, or dies; `serve` until it is ended, or dies. The folder holds the profiles
(`as2_site.as2_book`). Everything here is what `gateway run` runs.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from sqlalchemy import func, or_, select

from gateway.channels import table
from gateway.channels.channel import Sends
from gateway.partners import secrets
from gateway.partners.book import Book
from gateway.pipeline.house import House
from gateway.settings import Settings
from gateway.store import schema
from gateway.store.crypto import Keys
from gateway.store.engine import Store
from gateway.worker.moments import Moment
from gateway.worker.road import deliveries, stages
from gateway.worker.supervisor import LIFE
from gateway.worker.worker import Worker
from tests.store.rows import KEY
from tests.worker.harness import dies_at

MAPS = Path(__file__).parent.parent / "maps"
LEASE_US = 3_000_000  # no worker that lives loses one, however busy the machine


def house_of(store: Store, folder: Path) -> House:
    book = Book.load(folder / "partners", MAPS)
    open_ones: dict[str, Sends] = {}

    def sender(name: str) -> Sends:
        if name not in open_ones:
            said = book.connections[name]
            open_ones[name] = table.open_sender(said.kind, said.settings, secrets.resolve)
        return open_ones[name]

    return House(store, lambda: book, dict, sender)


def work(url: str, folder: Path, moment: Moment | None = None, nth: int = 1) -> None:
    os.environ[LIFE] = "test"
    with Store.open(url, Keys.single(KEY)) as store:
        house = house_of(store, folder)
        worker = Worker(store, stages(house), deliveries=deliveries(house), reached=dies_at(moment, nth))

        def until_done() -> None:
            while owed(store):
                threading.Event().wait(0.05)
            worker.stop()

        threading.Thread(target=until_done, daemon=True).start()
        worker.run()


def owed(store: Store) -> int:
    """What a machine owes now: a receipt that comes later is waited for by nobody here."""
    delivery, transmission = schema.delivery.c, schema.transmission.c
    waits = or_(delivery.status != "receipt-owed", delivery.lease_owner.is_not(None))
    with store.read() as view:
        sending = view.scalar(select(func.count()).where(delivery.stage.is_not(None), waits))
        return int(sending + view.scalar(select(func.count()).where(transmission.stage.is_not(None))))


def serve(url: str, folder: Path, port: int, moment: Moment | None = None, nth: int = 1) -> None:
    from gateway.api.serving import application  # a worker does not need it, and it takes half a second

    with Store.open(url, Keys.single(KEY)) as store:
        app = application(store, house_of(store, folder), Settings(home=folder), dies_at(moment, nth))
        import uvicorn

        uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
