"""GS1's numbers: the check digit that ends an SSCC, a GTIN, a GLN; and the SSCC itself.

An SSCC names one carton or pallet, unique in the world: an extension digit, the GS1 company prefix of whoever packs, a
serial number, a check digit. Counting takes the serial first and the extension digit last, so that one counter a prefix
numbers ten times the serials.
"""

from __future__ import annotations

BEFORE_CHECK = 17  # extension digit, prefix and serial


class SerialsExhausted(ValueError):
    """Every number of this prefix was given out; a number is never given out twice."""


def sscc(prefix: str, n: int) -> str:
    """The n-th SSCC under a company prefix, counted from 1.

    Raises SerialsExhausted beyond the last one.
    """
    digits = BEFORE_CHECK - 1 - len(prefix)
    extension, serial = divmod(n, 10**digits)
    if n < 1 or extension > 9:
        raise SerialsExhausted(f"prefix {prefix} has {10 ** (digits + 1) - 1} numbers; number {n} does not exist")
    body = f"{extension}{prefix}{serial:0{digits}d}"
    return body + check_digit(body)


def check_digit(digits: str) -> str:
    """The digit that belongs behind these: weights 3 and 1 from the right."""
    return str(-sum(int(d) * (3 if n % 2 == 0 else 1) for n, d in enumerate(reversed(digits))) % 10)
