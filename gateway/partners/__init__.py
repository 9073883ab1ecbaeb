"""Who we trade with and on what terms: companies, connections, partners, agreements.

Everything here is read from YAML that a person writes in `partners/`. `Book` is the whole of it, checked and immutable.
"""

from __future__ import annotations

from gateway.partners.book import Book, Match
from gateway.partners.faults import Fault, ProfileFaults

__all__ = ["Book", "Fault", "Match", "ProfileFaults"]
