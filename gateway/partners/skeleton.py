"""Skeletons of a new partner, one folder each in skeletons/; `gateway partner new` fills them in."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable

WORDS = {
    "retailer": "sends orders (850), wants answer, ship notice and invoice (855, 856, 810)",
    "3pl-x12": "a warehouse: takes 940, sends 945",
    "3pl-json": "a warehouse with a REST interface in our own JSON",
    "csv-warehouse": "a warehouse that takes and puts CSV files in a folder",
    "carrier": "takes load tenders (204), answers (990), reports (214), bills freight (210)",
    "xml-supplier": "takes our orders as UBL, sends despatch advices and invoices as XML",
}


def fill(template: str, *, name: str, title: str, our: str) -> dict[str, str]:
    """The files of a new partner, as a book names them."""
    letters = "".join(char for char in name.upper() if char.isalnum())
    words = {
        "@name@": name,
        "@title@": title,
        "@our@": our,
        "@ENV@": name.upper().replace("-", "_"),
        "@ID@": letters[:15],  # ISA06 has fifteen characters
        "@SCAC@": letters[:4],
    }
    filled = {}
    for file in _folder(template).iterdir():
        text = file.read_text("utf-8")
        for mark, word in words.items():
            text = text.replace(mark, word)
        kind = file.name.removesuffix(".yaml")
        filled[f"partners/{name}/{file.name}"] = f"# yaml-language-server: $schema=../../schema/{kind}.json\n{text}"
    return filled


def _folder(template: str) -> Traversable:
    return resources.files("gateway.partners") / "skeletons" / template
