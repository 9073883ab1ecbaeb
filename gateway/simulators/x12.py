"""X12 as the simulated partners read and write it: a few lines of their own, so that they share no mistake of ours."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass

TradingId = tuple[str, str]  # qualifier, id


@dataclass(frozen=True, slots=True)
class Group:
    """One functional group as we read it: its header, and its sets."""

    header: list[str]
    sets: list[list[list[str]]]


def read_groups(text: str) -> Iterator[Group]:
    """The groups of every interchange in a text; what is no X12 gives none."""
    start = text.find("ISA")
    while start >= 0 and len(text) > start + 106:
        element, terminator = text[start + 3], text[start + 105]
        end = text.find("IEA" + element, start)
        end = text.find(terminator, end) if end >= 0 else len(text)
        group: Group | None = None
        for segment in text[start:end].split(terminator):
            row = segment.strip("\r\n").split(element)
            match row[0]:
                case "GS":
                    group = Group(row, [])
                case "ST" if group:
                    group.sets.append([row])
                case "GE" if group:
                    yield group
                    group = None
                case _ if group and group.sets:
                    group.sets[-1].append(row)
        start = text.find("ISA", end) if end >= 0 else -1


def acknowledgement(group: Group, rejecting: Collection[str] = ()) -> list[list[str]]:
    """The 997 about one group, ST to SE left out; sets of these kinds are rejected."""
    rows = [["AK1", group.header[1], group.header[6]]]
    rejected = 0
    for opened in group.sets:
        word = "R" if opened[0][1] in rejecting else "A"
        rejected += word == "R"
        rows += [["AK2", opened[0][1], opened[0][2]], ["AK5", *([word, "5"] if word == "R" else [word])]]
    total = len(group.sets)
    verdict = "A" if not rejected else "R" if rejected == total else "P"
    return [*rows, ["AK9", verdict, str(total), str(total), str(total - rejected)]]


def interchange(
    us: TradingId, them: TradingId, lane: str, number: int, functional_id: str, set_id: str, rows: list[list[str]]
) -> bytes:
    """One document in one group in one interchange, all under the same number."""
    now = dt.datetime.now(dt.UTC)
    usage = "P" if lane == "production" else "T"
    isa = ["ISA", "00", " " * 10, "00", " " * 10, us[0], us[1].ljust(15), them[0], them[1].ljust(15)]
    isa += [now.strftime("%y%m%d"), now.strftime("%H%M"), "U", "00401", f"{number:09d}", "0", usage, ">"]
    gs = ["GS", functional_id, us[1], them[1], now.strftime("%Y%m%d"), now.strftime("%H%M")]
    gs += [str(number), "X", "004010"]
    control = f"{number:04d}"
    body = [["ST", set_id, control], *rows, ["SE", str(len(rows) + 2), control]]
    whole = [isa, gs, *body, ["GE", "1", str(number)], ["IEA", "1", f"{number:09d}"]]
    return "".join("*".join(row) + "~\n" for row in whole).encode("ascii")
