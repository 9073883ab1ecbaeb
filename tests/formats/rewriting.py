"""The same document written otherwise: other separators, line ends, wrapping, encoding, noise around it.

None of it changes what a document says, so none of it may change its verdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.formats.x12.separators import Separators

# element, component, repetition, segment: what X12.md has seen with real senders
DRESSES = [
    "*:^~",
    "|>^~",
    "^>!~",
    ">:!~",
    "+:^'",
    "_:^~",
    "\x07:^~",
    "\x1d\x1f^\x1c",
    "~:^!",
    "*:^\x15",
    "*:!$",
    "*>!\\",
    "*>!^",
    "*>!|",
    "*>!}",
    "*>^'",
    "*:^\x1c",
    "*:^\xa6",
    "*:^\n",
    "*:^\r",
]


def _segments(data: bytes, separators: Separators) -> list[list[str]] | None:
    """Elements of every segment; None where the text is not a plain row of segments."""
    text = data.decode("latin-1").removeprefix("\xef\xbb\xbf")
    if not text.startswith("ISA") or not text.isascii() or "\0" in text or "\x1a" in text:
        return None
    pieces = text.split(separators.segment)
    if pieces[-1].strip():
        return None  # what an unterminated end means depends on the terminator
    segments = [piece.strip("\r\n").lstrip(" \t").split(separators.element) for piece in pieces[:-1]]
    if any("\n" in part or "\r" in part for segment in segments for part in segment) or [""] in segments:
        return None
    return segments


def dressed(data: bytes, separators: Separators) -> Iterator[tuple[str, Separators, bytes]]:
    """An X12 interchange in other separators, where its own text holds none of them."""
    segments = _segments(data, separators)
    if segments is None:
        return
    inner = {c for c in (separators.component, separators.repetition) if c}
    held = {c for segment in segments for part in segment for c in part} - inner
    for element, component, repetition, segment in DRESSES:
        swaps = {separators.component: component} if separators.component else {}
        if separators.repetition:
            swaps[separators.repetition] = repetition
        if held & {element, segment, component} or (separators.repetition and repetition in held):
            continue
        table = str.maketrans(swaps)
        written = [element.join(part.translate(table) for part in segment) for segment in segments]
        text = "".join(line + segment for line in written)
        used = Separators(
            element, repetition if separators.repetition else None, component if separators.component else "", segment
        )
        yield repr(f"{element}{component}{segment}"), used, text.encode("utf-8")


def laid_out(data: bytes, separators: Separators) -> Iterator[tuple[str, bytes]]:
    """An X12 interchange in other lines, encodings and surroundings."""
    segments = _segments(data, separators)
    end = separators.segment
    if segments is None:
        return
    lines = [separators.element.join(segment) for segment in segments]
    flat = "".join(line + end for line in lines)
    ascii_only = flat.isascii()
    if end not in "\r\n":
        yield "one line", flat.encode()
        yield "line feeds", "".join(f"{line}{end}\n" for line in lines).encode()
        yield "carriage returns and line feeds", "".join(f"{line}{end}\r\n" for line in lines).encode()
        yield "carriage returns", "".join(f"{line}{end}\r" for line in lines).encode()
        yield "blank lines", "".join(f"{line}{end}\n\n" for line in lines).encode()
        yield "indented", "".join(f"{'  ' * (i % 3)}{line}{end}\n" for i, line in enumerate(lines)).lstrip().encode()
        yield "unterminated", flat.removesuffix(end).encode()
        for width in (80, 72, 50):
            for ending in ("\n", "\r\n"):
                pieces = [flat[at : at + width] for at in range(0, len(flat), width)]
                yield f"wrapped at {width} {ending!r}", ending.join(pieces).encode()
        yield "padded to 80", "".join(f"{flat[at : at + 80]:<80}\n" for at in range(0, len(flat), 80)).rstrip().encode()
    else:
        yield "CR LF", "".join(f"{line}\r\n" for line in lines).encode()
        yield "blank lines", "".join(f"{line}\n\n" for line in lines).encode()
    yield "byte order mark", b"\xef\xbb\xbf" + flat.encode()
    if ascii_only:
        yield "UTF-16", flat.encode("utf-16")
        yield "UTF-16 big endian, no mark", flat.encode("utf-16-be")
        if not re.search(r"[^ -~]", flat):
            yield "EBCDIC", flat.encode("cp037")
    yield "NUL behind", flat.encode() + bytes(64)
    yield "control Z behind", flat.encode() + b"\r\n\x1a"
    yield "blank lines before", b"\r\n\r\n  " + flat.encode()
    yield "mail around", b"MIME-Version: 1.0\r\nContent-Type: application/edi-x12\r\n\r\n" + flat.encode() + b"\r\n--"


def edifact_otherwise(data: bytes) -> Iterator[tuple[str, bytes]]:
    """An EDIFACT interchange in other separators, lines, encodings and surroundings."""
    if not data.startswith((b"UNB+", b"UNA:+.? '")) or not data.isascii() or b"\0" in data:
        return
    una, body = (data[:9], data[9:].lstrip()) if data.startswith(b"UNA") else (b"", data)
    if re.search(rb"\?[\r\n]", body) or not re.search(rb"(?<!\?)'\s*$", body):
        return
    flat = re.sub(rb"(?<!\?)'[ \r\n]*", b"'", body)
    many = len(re.findall(rb"UNB\+", flat)) > 1  # a UNA speaks for its own interchange only
    if b"\n" in flat or b"\r" in flat:
        return
    yield "one line", una + flat
    yield "line feeds", una + flat.replace(b"'", b"'\n").replace(b"?'\n", b"?'")
    yield "carriage returns and line feeds", una + flat.replace(b"'", b"'\r\n").replace(b"?'\r\n", b"?'")
    yield "wrapped", b"\r\n".join((una + flat)[at : at + 80] for at in range(0, len(una + flat), 80))
    yield "service advice", b"UNA:+.? '" + flat
    yield "byte order mark", b"\xef\xbb\xbf" + una + flat
    yield "UTF-16", (una + flat).decode().encode("utf-16")
    yield "NUL behind", una + flat + bytes(32)
    yield "blank lines before", b"\r\n\r\n" + una + flat
    if not many and not re.search(rb"[?|^!~\x1c\x1d\x1f]", flat):
        for component, element, segment in ((b"|", b"^", b"~"), (b"\x1f", b"\x1d", b"\x1c"), (b":", b"+", b"!")):
            other = flat.translate(bytes.maketrans(b":+'", component + element + segment))
            yield "other separators", b"UNA" + component + element + b".? " + segment + other
            yield (
                "other separators, lines",
                b"UNA" + component + element + b".? " + segment + other.replace(segment, segment + b"\r\n"),
            )


def xml_otherwise(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The same XML in other line ends and encodings."""
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    if "\ufffd" in text or not re.match(r"<\?xml[^>]*>", text):
        return
    body = text[text.index("?>") + 2 :].strip()
    plain = body.replace("\r\n", "\n")
    yield "line feeds", f'<?xml version="1.0" encoding="UTF-8"?>\n{plain}\n'.encode()
    yield "carriage returns", '<?xml version="1.0"?>\r\n{}\r\n'.format(plain.replace("\n", "\r\n")).encode()
    yield "byte order mark", b"\xef\xbb\xbf" + f'<?xml version="1.0" encoding="UTF-8"?>{plain}'.encode()
    yield "UTF-16", f'<?xml version="1.0" encoding="UTF-16"?>{plain}'.encode("utf-16")
    yield (
        "character references",
        f'<?xml version="1.0" encoding="US-ASCII"?>{plain}'.encode("ascii", "xmlcharrefreplace"),
    )
    yield "no declaration", plain.encode()


def rows_otherwise(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The same rows in other line ends and encodings."""
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    if "\ufffd" in text:
        return
    plain = text.replace("\r\n", "\n")
    yield "line feeds", plain.encode()
    yield "carriage returns", plain.replace("\n", "\r\n").encode()
    yield "byte order mark", b"\xef\xbb\xbf" + plain.encode()
    yield "UTF-16", plain.encode("utf-16")
