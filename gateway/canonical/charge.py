"""What is added to or taken from a price."""

from __future__ import annotations

from decimal import Decimal

from gateway.canonical.values import Node, Text


class Charge(Node):
    """An allowance, a charge or a service that costs nothing."""

    kind: Text  # allowance, charge, no-charge
    code: Text | None = None
    amount: Decimal | None = None
    percent_basis: Text | None = None
    percent: Decimal | None = None
    rate: Decimal | None = None
    method: Text | None = None
    text: Text | None = None


class Tax(Node):
    """One tax."""

    type: Text
    amount: Decimal | None = None
    percent: Decimal | None = None
    jurisdiction: Text | None = None
    exempt: Text | None = None
