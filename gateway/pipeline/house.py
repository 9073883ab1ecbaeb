"""What every stage may use: the store, the profiles that are active now, and the outside world's connectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.channels.channel import Sends
from gateway.partners.book import Book
from gateway.store.engine import Store
from gateway.systems.connector import Connector


@dataclass(frozen=True, slots=True)
class House:
    """The surroundings of one stage's run. Profiles are asked for anew each run, so a published change is seen."""

    store: Store
    book: Callable[[], Book]
    systems: Callable[[], Mapping[str, Connector]]  # by name
    sender: Callable[[str], Sends]  # connection name -> its open channel
