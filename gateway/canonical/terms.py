"""Terms of payment and terms of carriage."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from gateway.canonical.values import Node, Text


class Terms(Node):
    """When to pay, and what paying early is worth."""

    type: Text | None = None
    basis: Text | None = None
    discount_percent: Decimal | None = None
    discount_due: dt.date | None = None
    discount_days: Decimal | None = None
    discount_amount: Decimal | None = None
    net_due: dt.date | None = None
    net_days: Decimal | None = None
    text: Text | None = None


class Carrier(Node):
    """Who carries the goods, how, and who pays."""

    scac: Text | None = None  # Standard Carrier Alpha Code
    mode: Text | None = None
    routing: Text | None = None
    service_level: Text | None = None
    payment: Text | None = None
    equipment: Text | None = None
    equipment_number: Text | None = None
