"""Whatever bytes arrive, they are answered; whole or in chunks the answer is the same. Crashers found are kept."""

from __future__ import annotations

import io
from pathlib import Path
from random import Random

import pytest

from gateway.cli.inspection_json import write
from gateway.cli.inspection_text import Shown
from gateway.formats.file import Inspected

SAMPLES = Path(__file__).parents[2] / "sample_docs"
SMALL = 12_000  # bytes of a document worth changing
DOCUMENTS = [
    path.read_bytes()
    for path in sorted(SAMPLES.rglob("*"))
    if path.suffix in (".edi", ".xml", ".csv", ".json", ".txt") and path.stat().st_size < SMALL
]
CRASHERS = sorted(path for folder in ("edifact", "x12") for path in (SAMPLES / "crashers" / folder).iterdir())
PIECES = [
    *b"~ * : > ^ ' + ? - . < & ISA IEA GS* GE* ST* SE* TA1* HL* LS* BIN* AK2* AK3* OTI* TED*".split(),
    *b"UNA:+.? UNB+ UNZ+ UNH+ UNT+ UNG+ UNE+".split(),
    *(b" ", b"\n", b"\r\n", b"\0", b"\x1a", b"9" * 40, b"\xff\xfe", b"\xef\xbb\xbf", b"\xe9"),
]


def changed(chance: Random) -> bytes:
    """One of the samples, cut, mixed, doubled and sprinkled."""
    data = bytearray(chance.choice(DOCUMENTS))
    for _ in range(chance.choice((1, 1, 1, 2, 4, 8))):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(8):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[at : at + chance.choice((1, 2, 5, 30, 200))]
            case 2:
                data[at:at] = chance.choice(PIECES)
            case 3:
                data[at : at + chance.choice((1, 2, 3))] = chance.choice(PIECES)
            case 4:
                data[at:at] = data[at // 2 :][: chance.choice((3, 20, 120, 400))]
            case 5:
                del data[at:]
            case 6:
                other = chance.choice(DOCUMENTS)
                start = chance.randrange(len(other) + 1)
                data[at:at] = other[start : start + chance.choice((20, 300, 2000))]
            case _:
                data = data.replace(chance.choice(PIECES)[:1], chance.choice(PIECES)[:1])
    return bytes(data)


def answer(*chunks: bytes) -> str:
    out = io.StringIO()
    write("file", Inspected(chunks), out)
    return out.getvalue()


def is_answered(data: bytes, size: int) -> None:
    whole = answer(data)
    assert answer(*(data[at : at + size] for at in range(0, len(data), size))) == whole
    shown = Shown(io.StringIO(), full=size % 2 == 0)
    shown.file("file", Inspected([data]))
    shown.totals()


@pytest.mark.parametrize("path", CRASHERS, ids=lambda path: path.name)
def test_what_once_broke_it_is_answered(path: Path) -> None:
    is_answered(path.read_bytes(), 61)


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 12))])
def test_changed_documents_are_answered_whole_and_in_chunks_alike(seed: int) -> None:
    chance = Random(seed)
    for _ in range(200):
        is_answered(changed(chance), chance.choice((7, 61, 500)))
