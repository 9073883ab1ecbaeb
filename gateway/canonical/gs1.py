"""GS1's numbers: the check digit that ends an SSCC, a GTIN, a GLN."""

from __future__ import annotations


def check_digit(digits: str) -> str:
    """The digit that belongs behind these: weights 3 and 1 from the right."""
    return str(-sum(int(d) * (3 if n % 2 == 0 else 1) for n, d in enumerate(reversed(digits))) % 10)
