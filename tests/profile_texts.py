"""The example profiles as texts, to be changed a line at a time."""

from __future__ import annotations

from pathlib import Path

from gateway.partners.book import texts

ROOT = Path(__file__).parent.parent
FILES = texts(ROOT / "partners", ROOT / "maps")

PARTNER = "partners/harbor-pine/partner.yaml"
CONNECTIONS = "partners/harbor-pine/connections.yaml"
COMPANY = "partners/northwind/company.yaml"
INDUSTRY = "partners/industries/retail.yaml"


def changed(file: str, old: str, new: str) -> dict[str, str]:
    """The example with one place of one file written differently."""
    assert FILES[file].count(old) >= 1, f"{old!r} is not in {file}"
    return {**FILES, file: FILES[file].replace(old, new, 1)}
