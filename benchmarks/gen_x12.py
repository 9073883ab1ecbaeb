#!/usr/bin/env python3
"""Generate realistic, valid X12 purchase orders (850) and ship notices (856).

Deterministic for a given seed.  Output is ASCII bytes.  Nothing but the
standard library.

    gen_x12.py 850 --orders 500 --lines 10 -o orders.x12
    gen_x12.py 856 --target-bytes 50000000 --orders 200 --lines 12 -o asn.x12
    gen_x12.py 850 --version 005010 --sep '|' --sub '>' --term '\\n' -o odd.x12

--orders is the number of transaction sets per interchange (one GS per ISA).
--interchanges repeats ISA..IEA; --target-bytes keeps adding whole
interchanges until the file is at least that long.
--defect-rate injects, per transaction set, one of a set of known defects and
--manifest writes what was injected (a JSON line per defect), so the file can
serve as a validation oracle.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

UPC = "UP"
CITIES = [
    ("DALLAS", "TX", "75201"),
    ("OAKLAND", "CA", "94612"),
    ("COLUMBUS", "OH", "43215"),
    ("ATLANTA", "GA", "30303"),
    ("RENO", "NV", "89501"),
    ("NEWARK", "NJ", "07102"),
    ("BENTONVILLE", "AR", "72716"),
    ("TACOMA", "WA", "98402"),
]
STREETS = ["MAIN ST", "DISTRIBUTION WAY", "COMMERCE BLVD", "INDUSTRIAL PKWY", "ELM AVE", "HARBOR DR", "LOGISTICS LOOP"]
NAMES = [
    "ACME RETAIL",
    "NORTHWIND STORES",
    "GLOBEX WHOLESALE",
    "INITECH SUPPLY",
    "UMBRELLA OUTFITTERS",
    "STARK HARDWARE",
    "WAYNE GROCERS",
]
GOODS = [
    "WIDGET, STEEL, 3 IN",
    "T-SHIRT CREW NECK BLK L",
    "COFFEE BEANS 12OZ",
    "HDMI CABLE 6FT",
    "DOG FOOD DRY 15LB",
    "LED BULB A19 4PK",
    "BATH TOWEL 30X54 NAVY",
    "CHAIR FOLDING METAL",
    "BATTERY AA 24CT",
]
UOMS = ["EA", "CA", "BX", "DZ"]
SCACS = ["UPSN", "FDEG", "ODFL", "SAIA", "ABFS"]


class Writer:
    """Joins elements; trims trailing empties; counts segments in the set."""

    def __init__(self, sep: str, sub: str, term: str, eol: str, rep: str):
        self.sep, self.sub, self.rep = sep, sub, rep
        self.end = term + eol
        self.out: list[str] = []
        self.n = 0

    def seg(self, *e: object) -> None:
        s = [str(x) for x in e]
        while s and s[-1] == "":
            s.pop()
        self.out.append(self.sep.join(s))
        self.n += 1

    def take(self) -> str:
        s = self.end.join(self.out) + self.end
        self.out.clear()
        return s


def check_digit(d: str) -> str:
    odd = sum(map(int, d[-1::-2])) * 3
    even = sum(map(int, d[-2::-2]))
    return str(-(odd + even) % 10)


def party(w: Writer, r: random.Random, qual: str) -> None:
    city, st, z = r.choice(CITIES)
    w.seg("N1", qual, f"{r.choice(NAMES)} {r.randint(1, 9999):04d}", "92", f"{r.randint(1, 99999):05d}")
    if r.random() < 0.2:
        w.seg("N2", "ATTN RECEIVING")
    w.seg(
        "N3", f"{r.randint(1, 9999)} {r.choice(STREETS)}", *([f"DOCK {r.randint(1, 40)}"] if r.random() < 0.3 else [])
    )
    w.seg("N4", city, st, z, "US")


def item_ids(r: random.Random) -> tuple[str, str, str]:
    d = "".join(r.choices("0123456789", k=11))
    return d + check_digit(d), f"SKU-{r.randint(1, 999999):06d}", f"{r.randint(1, 9999999):07d}"


def date(r: random.Random) -> str:
    return f"2026{r.randint(1, 12):02d}{r.randint(1, 28):02d}"


def set_850(w: Writer, r: random.Random, no: int, lines: int) -> None:
    w.seg("BEG", "00", r.choice(["SA", "NE", "DS"]), f"PO{no:08d}", "", date(r))
    w.seg("CUR", "BY", "USD")
    w.seg("REF", "DP", f"{r.randint(1, 999):03d}")
    w.seg("REF", "IA", f"{r.randint(1, 999999):06d}")
    w.seg("PER", "BD", "JANE BUYER", "TE", f"555{r.randint(1000000, 9999999)}")
    w.seg("FOB", "CC")
    w.seg("ITD", "01", "3", "2", "", "10", "", "30")
    w.seg("DTM", "010", date(r))
    w.seg("DTM", "001", date(r))
    w.seg("TD5", "", "2", r.choice(SCACS), "M")
    for q in ("BY", "ST", "VN"):
        party(w, r, q)
    total = 0
    for i in range(1, lines + 1):
        upc, sku, sty = item_ids(r)
        q, cents = r.randint(1, 480), r.randint(99, 99999)
        total += q * cents
        w.seg("PO1", i, q, r.choice(UOMS), f"{cents / 100:.2f}", "", UPC, upc, "VN", sku, "IN", sty)
        w.seg("PID", "F", "08", "", "", r.choice(GOODS))
        if r.random() < 0.35:
            w.seg("PO4", r.choice([1, 6, 12, 24]), 1, "EA")
    w.seg("CTT", lines)
    w.seg("AMT", "TT", f"{total / 100:.2f}")


def set_856(w: Writer, r: random.Random, no: int, lines: int) -> None:
    w.seg("BSN", "00", f"SH{no:08d}", date(r), f"{r.randint(0, 23):02d}{r.randint(0, 59):02d}", "0001")
    hl = 1
    w.seg("HL", hl, "", "S")
    w.seg("TD1", "CTN25", r.randint(1, 60), "", "", "", "G", r.randint(10, 9000), "LB")
    w.seg("TD5", "B", "2", r.choice(SCACS), "M")
    w.seg("REF", "BM", f"{r.randint(1, 10**12):013d}")
    w.seg("REF", "CN", f"1Z{r.randint(1, 10**12):013d}")
    w.seg("DTM", "011", date(r))
    w.seg("DTM", "017", date(r))
    for q in ("SF", "ST"):
        party(w, r, q)
    left, n_orders = lines, max(1, lines // 8)
    for o in range(n_orders):
        hl += 1
        order_hl = hl
        w.seg("HL", hl, 1, "O")
        w.seg("PRF", f"PO{no:06d}{o:02d}", "", "", date(r))
        w.seg("REF", "IA", f"{r.randint(1, 999999):06d}")
        w.seg("N1", "BY", r.choice(NAMES), "92", f"{r.randint(1, 99999):05d}")
        here = left // (n_orders - o)
        left -= here
        while here > 0:
            hl += 1
            pack_hl = hl
            w.seg("HL", hl, order_hl, "P")
            d = f"0{r.randint(0, 10**16 - 1):016d}"
            w.seg("MAN", "GM", "00" + d + check_digit(d))
            k = min(here, r.randint(1, 4))
            here -= k
            for _ in range(k):
                hl += 1
                upc, sku, _sty = item_ids(r)
                w.seg("HL", hl, pack_hl, "I")
                w.seg("LIN", "", UPC, upc, "VN", sku)
                w.seg("SN1", "", r.randint(1, 480), "EA")
                w.seg("PID", "F", "08", "", "", r.choice(GOODS))
    w.seg("CTT", hl)


SETS: dict[str, tuple[str, Callable]] = {"850": ("PO", set_850), "856": ("SH", set_856)}

# name -> function(list of segments of one set as lists of elements) -> segments or None
Defect = Callable[[list, random.Random], "list | None"]


def _first(segs: list, tag: str) -> int:
    return next((i for i, s in enumerate(segs) if s[0] == tag), -1)


def d_missing_mandatory(segs, r):
    i = _first(segs, "BEG" if _first(segs, "BEG") > 0 else "BSN")
    return segs[:i] + segs[i + 1 :]


def d_bad_date(segs, r):
    i = _first(segs, "DTM")
    segs[i][2] = "20261345"
    return segs


def d_too_long(segs, r):
    i = _first(segs, "N4")
    segs[i][2] = "TEX"
    return segs


def d_bad_code(segs, r):
    i = _first(segs, "N1")
    segs[i][1] = "#9"
    return segs


def d_bad_number(segs, r):
    i = _first(segs, "PO1" if _first(segs, "PO1") > 0 else "SN1")
    segs[i][2] = "12X"
    return segs


def d_pair(segs, r):
    i = _first(segs, "N1")
    del segs[i][4]  # P0304 broken: N103 without N104
    return segs


def d_unexpected_segment(segs, r):
    segs.insert(len(segs) // 2, ["ZZZ", "1"])
    return segs


def d_se_count(segs, r):
    segs[-1][1] = str(int(segs[-1][1]) + 3)
    return segs


def d_se_control(segs, r):
    segs[-1][2] = "9" * len(segs[-1][2])
    return segs


DEFECTS: dict[str, Defect] = {
    f.__name__[2:]: f
    for f in (
        d_missing_mandatory,
        d_bad_date,
        d_too_long,
        d_bad_code,
        d_bad_number,
        d_pair,
        d_unexpected_segment,
        d_se_count,
        d_se_control,
    )
}
FIX_COUNT = {"missing_mandatory", "unexpected_segment"}


def interchange(a: argparse.Namespace, r: random.Random, icn: int, first_no: int, manifest: list) -> str:
    fic, build = SETS[a.set]
    w = Writer(a.sep, a.sub, a.term, a.eol, a.rep)
    v5 = a.version >= "005"
    isa11 = a.rep if v5 else "U"
    parts: list[str] = []
    w.seg(
        "ISA",
        "00",
        " " * 10,
        "00",
        " " * 10,
        "ZZ",
        "ACMERETAIL".ljust(15),
        "12",
        "5551234567".ljust(15),
        "260115",
        "0930",
        isa11,
        a.icvn,
        f"{icn:09d}",
        "0",
        "P",
        a.sub,
    )
    w.seg("GS", fic, "ACMERETAIL", "5551234567", "20260115", "0930", icn, "X", a.version)
    parts.append(w.take())
    for k in range(a.orders):
        ctl = f"{k + 1:04d}"
        w.n = 0
        w.seg("ST", a.set, ctl)
        build(w, r, first_no + k, a.lines if not a.vary else r.randint(1, 2 * a.lines - 1))
        w.seg("SE", w.n + 1, ctl)
        if a.defect_rate and r.random() < a.defect_rate:
            name = r.choice(list(DEFECTS))
            segs = DEFECTS[name]([s.split(a.sep) for s in w.out], r)
            if name in FIX_COUNT:
                segs[-1][1] = str(len(segs))
            w.out = [a.sep.join(s) for s in segs]
            manifest.append({"isa": icn, "st": ctl, "defect": name})
        parts.append(w.take())
    w.seg("GE", a.orders, icn)
    w.seg("IEA", 1, f"{icn:09d}")
    parts.append(w.take())
    return "".join(parts)


def interchanges(a: argparse.Namespace, manifest: list) -> Iterator[str]:
    r = random.Random(a.seed)
    icn = a.first_icn
    size = 0
    while True:
        s = interchange(a, r, icn, (icn - a.first_icn) * a.orders + 1, manifest)
        yield s
        size += len(s)
        icn += 1
        if a.target_bytes:
            if size >= a.target_bytes:
                return
        elif icn - a.first_icn >= a.interchanges:
            return


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("set", choices=sorted(SETS))
    p.add_argument("-o", "--output", default="-")
    p.add_argument("--orders", type=int, default=1, help="transaction sets per interchange")
    p.add_argument("--lines", type=int, default=10, help="lines (items) per order")
    p.add_argument("--vary", action="store_true", help="1..2*lines-1 lines, uniform")
    p.add_argument("--interchanges", type=int, default=1)
    p.add_argument("--target-bytes", type=int, default=0)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--first-icn", type=int, default=1)
    p.add_argument("--version", default="004010", help="GS08")
    p.add_argument("--icvn", default="", help="ISA12 (default: from --version)")
    p.add_argument("--sep", default="*")
    p.add_argument("--sub", default=">")
    p.add_argument("--rep", default="^")
    p.add_argument("--term", default="~")
    p.add_argument("--eol", default="")
    p.add_argument("--defect-rate", type=float, default=0)
    p.add_argument("--manifest")
    a = p.parse_args(argv)
    for n in ("sep", "sub", "rep", "term", "eol"):
        setattr(a, n, getattr(a, n).encode().decode("unicode_escape"))
    if not a.icvn:
        a.icvn = {"004010": "00401", "005010": "00501"}.get(a.version[:6], "00401")
    return a


def main(argv: list[str] | None = None) -> int:
    a = parse_args(argv)
    manifest: list[dict] = []
    f = sys.stdout.buffer if a.output == "-" else Path(a.output).open("wb")  # noqa: SIM115 - closed below
    with f:
        for s in interchanges(a, manifest):
            f.write(s.encode("ascii"))
    if a.manifest:
        with Path(a.manifest).open("w") as m:
            m.writelines(json.dumps(d) + "\n" for d in manifest)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
