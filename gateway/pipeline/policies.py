"""What the profiles want of a flow, looked up each time it decides."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.flows import order, returns, stock, warehouse_order
from gateway.partners.book import Book
from gateway.systems.connector import Operation

ORDERS = ("order", "warehouse-order")  # what is an order to us; the second where we are the warehouse
ANSWERS = ("order-response", "shipment", "invoice", "warehouse-shipping-advice")


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies of one commit: orders that are routed together mostly come from the same partners."""

    book: Book
    _orders: dict[tuple[str, str], order.Policy] = field(default_factory=dict)

    def of_order(self, partner: str, lane: str) -> order.Policy:
        policy = self._orders.get((partner, lane))
        if policy is None:
            policy = self._orders[partner, lane] = _of_order(self.book, partner, lane)
        return policy

    def of_warehouse_order(self, warehouse: str, lane: str) -> warehouse_order.Policy:
        systems = self.book.destinations(warehouse, "warehouse-shipping-advice", lane)
        return warehouse_order.Policy(
            post_to=tuple(s.name for s in systems if Operation.POST_SHIPMENT in s.supports),
            settle_in=tuple(s.name for s in systems if Operation.SETTLE_SHORTAGE in s.supports),
        )

    def of_return(self, partner: str, lane: str) -> returns.Policy:
        systems = self.book.destinations(partner, returns.KIND, lane)
        return returns.Policy(tuple(s.name for s in systems if Operation.OPEN_RETURN in s.supports))

    def of_stock(self, kind: str, warehouse: str, lane: str) -> stock.Policy:
        systems = self.book.destinations(warehouse, kind, lane)
        sites = (item for company in self.book.companies.values() for item in company.sites.items())
        return stock.Policy(
            book_in=tuple(s.name for s in systems if Operation.ADJUST_INVENTORY in s.supports),
            site=next((name for name, site in sites if site.warehouse == warehouse), None),
        )


def _of_order(book: Book, partner: str, lane: str) -> order.Policy:
    systems = [system for kind in ORDERS for system in book.destinations(partner, kind, lane)]
    agreement = book.receiving(partner, "order", lane)
    sites = book.companies[agreement.company].sites if agreement else {}
    return order.Policy(
        submit_to=tuple(s.name for s in systems if Operation.SUBMIT_ORDER in s.supports),
        cancel_in=tuple(s.name for s in systems if Operation.CANCEL_ORDER in s.supports),
        inform=tuple(s.name for s in systems if Operation.UPDATE_ORDER in s.supports),
        answers=frozenset(kind for kind in ANSWERS if book.sending(partner, kind, lane)),
        site=agreement.ship_from if agreement else None,
        warehouses={name: site.warehouse for name, site in sites.items() if site.warehouse},
        sites=frozenset(sites),
    )


def company(book: Book, partner: str, lane: str) -> str | None:
    """Which of our companies this partner orders from."""
    agreement = book.receiving(partner, "order", lane)
    return agreement.company if agreement else None
