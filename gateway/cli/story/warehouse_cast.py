"""Who plays in the warehouses' story: three 3PLs, each with its format and its wire."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.cli.story.parties import Gateway, Simulator
from gateway.store.engine import Store

PASSWORD = "the-password-of-a-3pl"  # noqa: S105 - of a simulated one, on loopback
INVENTED = "WO-3000I"  # a warehouse order nobody sent
HOWS = ("full", "part", "short")
MUGS, TRAYS = 24, 12


@dataclass(frozen=True, slots=True)
class ThirdParty:
    """A 3PL of the story: the partner, the site it runs for us, and how it talks."""

    partner: str
    name: str
    site: str
    speaks: str
    wire: str
    gs1_prefix: str

    def order(self, how: str) -> str:
        """The customer's order number of one of its three orders."""
        return f"HP-{self.site.replace('-', '')[:3].upper()}-{how}"


THIRD_PARTIES = (
    ThirdParty("blue-ridge", "Blue Ridge Logistics", "roanoke", "x12", "X12 940 and 945 over SFTP", "0612345"),
    ThirdParty("summit", "Summit Fulfillment", "reno", "json", "JSON over HTTP", "0698765"),
    ThirdParty("mesa", "Mesa Storage", "el-paso", "csv", "CSV over SFTP", "0655441"),
)


@dataclass
class Cast:
    """Everybody in the story."""

    home: Path
    gateway: Gateway
    retailer: Simulator
    erp: Simulator
    crm: Simulator
    warehouses: dict[str, Simulator]  # partner -> its process
    store: Store
    internal_key: str
    decided: list[str] = field(default_factory=list)  # what was answered to questions about missing pieces

    @property
    def parties(self) -> tuple[Simulator | Gateway, ...]:
        return (self.retailer, self.erp, self.crm, *self.warehouses.values(), self.gateway)


def each_order() -> Iterator[tuple[ThirdParty, str]]:
    """Every order of the story: who ships it, and how."""
    return ((one, how) for one in THIRD_PARTIES for how in HOWS)
