"""MIME with every byte left as it came: headers, parameters, parts, transfer encodings.

A signature covers a part exactly as it was sent, so nothing here parses and writes again. Parts come as slices of the
stream between two boundary lines; whether lines end in CRLF or LF is read off the boundary line itself.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Iterable, Iterator, Mapping
from email.header import decode_header
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from .disposition import Malformed, TooLarge
from .stream import CHUNK, Stream

HEADERS_SIZE = 64 * 1024  # h11 and nginx stop at 16-32 KB; folded certificates of some proxies need more
HEADERS_COUNT = 200
BOUNDARY_SIZE = 256  # RFC 2046 says 70; some products write more

_NAME = re.compile(r"[!-9;-~]+\Z")
_PARAMETER = re.compile(r';\s*([^\s=;]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))', re.S)
_ESCAPED = re.compile(r"\\(.)", re.S)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def _lower(name: str) -> str:
    """The name in small letters; nothing if it is none."""
    return _usual(name) if len(name) <= 40 else name.lower() if _NAME.match(name) else ""


@lru_cache(maxsize=1024)
def _usual(name: str) -> str:
    """A few dozen names are in use; longer ones, which only a vandal sends, are not kept."""
    return name.lower() if _NAME.match(name) else ""


class Headers:
    """An ordered list of names and unfolded values. A control character in a value is a fault, both ways."""

    __slots__ = ("_differ", "_first", "items")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self.items = list(items)
        self._first: dict[str, str] = {}
        self._differ: set[str] = set()
        for name, value in self.items:
            lower = _lower(name)
            if not lower or (not value.isprintable() and _CONTROL.search(value)):
                raise Malformed(f"a header that is none: {printable(name)}: {printable(value)}")
            if self._first.setdefault(lower, value) != value:
                self._differ.add(lower)
        if len(self.items) > HEADERS_COUNT:
            raise TooLarge(f"more than {HEADERS_COUNT} headers")

    def get(self, name: str, default: str = "") -> str:
        return self._first.get(name.lower(), default)

    def only(self, name: str, default: str = "") -> str:
        """The value of a header that two readers must not read differently: another one beside it is a fault."""
        if name.lower() in self._differ:
            raise Malformed(f"{name} stands twice, with different values")
        return self.get(name, default)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._first

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.items)

    def __bytes__(self) -> bytes:
        """With CRLF, and the empty line behind them."""
        return "".join([f"{name}: {value}\r\n" for name, value in self.items] + ["\r\n"]).encode(
            "utf-8", "surrogateescape"
        )

    @classmethod
    def parse(cls, block: bytes) -> Headers:
        """From the bytes before the empty line, line ends of either kind, folds undone."""
        items: list[tuple[str, str]] = []
        for line in block.decode("utf-8", "surrogateescape").replace("\r\n", "\n").split("\n"):
            if not line:
                continue
            if line[0] in " \t":
                if not items:
                    raise Malformed("the headers begin with a fold")
                name, value = items[-1]
                items[-1] = (name, f"{value} {line.strip()}")
                continue
            name, colon, value = line.partition(":")
            if not colon:
                raise Malformed(f"a header without a colon: {printable(line)}")
            items.append((name.rstrip(), value.strip()))
        return cls(items)


def read_headers(stream: Stream, limit: int = HEADERS_SIZE) -> tuple[Headers, bytes]:
    """The headers at the front of an entity, and their bytes up to and with the empty line."""
    size = 1024
    while True:
        ahead = stream.peek(size)
        if ahead[:2] == b"\r\n" or ahead[:1] == b"\n":
            return Headers(), stream.take(2 if ahead[:1] == b"\r" else 1)
        ends = [(at, len(mark)) for mark in (b"\r\n\r\n", b"\n\n", b"\n\r\n") if (at := ahead.find(mark)) >= 0]
        if ends:
            at, mark = min(ends)
            raw = stream.take(at + mark)
            return Headers.parse(raw[:at]), raw
        if len(ahead) < size:
            raise Malformed("headers without an end")
        if size >= limit:
            raise TooLarge(f"headers of more than {limit} bytes")
        size = min(size * 4, limit)


# --- values -------------------------------------------------------------------------------------------------------


class ContentType(NamedTuple):
    """A media type in lower case and its parameters by lower-case name."""

    type: str
    parameters: Mapping[str, str]

    @classmethod
    def parse(cls, value: str) -> ContentType:
        type_, parameters = parse_parameters(value)
        return cls(type_ or "text/plain", parameters)


def parse_parameters(text: str) -> tuple[str, Mapping[str, str]]:
    """`attachment; filename="a.edi"` and the like, RFC 2231 continuations and charsets included."""
    return _usual_parameters(text) if len(text) <= 200 else _parameters(text)


@lru_cache(maxsize=256)
def _usual_parameters(text: str) -> tuple[str, Mapping[str, str]]:
    """Most senders write the same ones in every message; of what a vandal sends, little is kept."""
    return _parameters(text)


def _parameters(text: str) -> tuple[str, Mapping[str, str]]:
    main, semicolon, rest = text.partition(";")
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(semicolon + rest):
        name, quoted, plain = match.groups()
        value = plain.strip() if quoted is None else quoted if "\\" not in quoted else _ESCAPED.sub(r"\1", quoted)
        found.setdefault(name.lower(), value)
    main = main.strip().lower()
    return main, _continued(found) if "*" in rest else found


def _continued(found: dict[str, str]) -> dict[str, str]:
    """RFC 2231: name*0*, name*1 ... put together; name* decoded."""
    out: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for name, value in found.items():
        base, star, rest = name.partition("*")
        number = rest.rstrip("*")
        if not star:
            out.setdefault(base, value)
        elif not number:
            out[base] = _charset(value)
        elif number.isdecimal() and len(number) < 4:
            pieces.setdefault(base, {})[int(number)] = (value, rest.endswith("*"))
    for base, numbered in pieces.items():
        ordered = [numbered[number] for number in sorted(numbered)]
        encoded = any(is_encoded for _, is_encoded in ordered)
        joined = "".join(value for value, _ in ordered)
        out[base] = _charset(joined) if encoded else joined
    return out


def _charset(value: str) -> str:
    charset, mark, rest = value.partition("'")
    text = rest.partition("'")[2] if mark else value
    try:
        return unquote_to_bytes(text).decode(charset if mark and charset else "utf-8", "replace")
    except LookupError:
        return unquote_to_bytes(text).decode("utf-8", "replace")


def decoded_words(value: str) -> str:
    """RFC 2047 =?utf-8?B?...?= as products put it into file names and subjects."""
    if "=?" not in value:
        return value
    try:
        parts = decode_header(value)
        return "".join(
            text if isinstance(text, str) else text.decode(charset or "ascii", "replace") for text, charset in parts
        )
    except (ValueError, LookupError):
        return value


def quoted(value: str) -> str:
    """A parameter value in quotes."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def printable(text: str, limit: int = 200) -> str:
    """Somebody else's text made harmless for a reason, a log line or a page."""
    shown = (
        text[:limit] if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text[:limit])
    )
    return shown + ("..." if len(text) > limit else "")


def file_name(given: str) -> str:
    """The name that a partner gave a file, as a name only: no folder, no control character, no leading dot.

    Letters of every alphabet and blanks are kept. Empty if nothing is left.
    """
    name = decoded_words(given).replace("\\", "/").rsplit("/", 1)[-1]
    name = (
        "".join(char for char in name if char.isprintable() and char not in '<>:"|?*').strip().lstrip(".").rstrip(". ")
    )
    while len(name.encode("utf-8", "replace")) > 200:
        name = name[:-1]
    return name.encode("utf-8", "replace").decode("utf-8")


# --- parts --------------------------------------------------------------------------------------------------------


class Multipart:
    """The parts of a multipart body, one after the other, in bytes as they came."""

    def __init__(self, stream: Stream, boundary: str) -> None:
        if not 0 < len(boundary) <= BOUNDARY_SIZE or _CONTROL.search(boundary):
            raise Malformed("a multipart without a usable boundary")
        self._stream = stream
        self._delimiter = b"--" + boundary.encode("utf-8", "surrogateescape")
        self._crlf = True
        self._started = self.closed = False

    def next(self) -> Iterator[bytes] | None:
        """The bytes of the next part, None after the last. Read each to its end before asking for the next."""
        if not self._started:
            self._started = True
            self._skip_preamble()
        if self.closed:
            return None
        return self._part()

    def _skip_preamble(self) -> None:
        stream, delimiter = self._stream, self._delimiter
        if stream.peek(len(delimiter)) == delimiter:
            stream.take(len(delimiter))
            if self._line_behind():
                return
        for _ in self._until_delimiter():
            pass

    def _part(self) -> Iterator[bytes]:
        delimiter = self._delimiter
        if self._stream.peek(len(delimiter)) == delimiter:  # an empty part: its delimiter follows at once
            self._stream.take(len(delimiter))
            if self._line_behind():
                return
            yield delimiter
        yield from self._until_delimiter()

    def _until_delimiter(self) -> Iterator[bytes]:
        """Everything before the next boundary line, whose line break in front belongs to it (RFC 2046 5.1.1)."""
        mark = b"\n" + self._delimiter
        keep = len(mark)  # what may be the beginning of a mark, and the CR in front of it
        held = b""
        while True:
            piece = self._stream.some(CHUNK)
            if not piece:
                raise Malformed("a multipart ends without its closing boundary")
            if held and len(piece) >= keep and mark not in held[-keep:] + piece[:keep]:
                yield held  # none begins in it: no need to copy it
                held = b""
            data = held + piece if held else piece
            at = data.find(mark)
            if at >= 0 and not _BEHIND.match(data, at + keep):  # a longer boundary of a multipart inside is contents
                found = re.compile(re.escape(mark) + _BEHIND.pattern).search(data, at)  # dear, and seldom needed
                at = found.start() if found else data.find(mark, max(at, len(data) - keep - _LINE + 1))
            if at < 0:
                cut = max(0, len(data) - keep) if held else 0
                if cut:
                    yield data[:cut]
                held = data[cut:]
                continue
            self._stream.give_back(data[at + keep :])
            crlf = self._crlf and data[at - 1 : at] == b"\r"  # where lines end in LF, a CR in front is contents
            if self._line_behind():
                if content := data[: at - 1 if crlf else at]:
                    yield content
                return
            yield data[: at + keep]
            held = b""

    def _line_behind(self) -> bool:
        """What follows a delimiter: `--` closes, a line break opens the next part, anything else makes it none."""
        found = _line(self._stream.peek(_LINE))
        if found is None:
            return False
        size, self.closed, crlf = found
        self._stream.take(size)
        self._crlf = self._crlf if self.closed else crlf
        return True


_LINE = 64  # blanks behind a boundary are allowed as padding, but not without end
_BEHIND = re.compile(rb"(?:--|[ \t]{0,62}\r\n|[ \t]{0,63}\n)")  # what `_line` finds in so many bytes


def _line(ahead: bytes) -> tuple[int, bool, bool] | None:
    """The rest of a boundary line: its length, whether it closes, whether it ends in CRLF. None if it is none."""
    if ahead[:2] == b"--":
        return 2, True, True
    blank = len(ahead) - len(ahead.lstrip(b" \t"))
    if ahead[blank : blank + 2] == b"\r\n":
        return blank + 2, False, True
    if ahead[blank : blank + 1] == b"\n":
        return blank + 1, False, False
    return None


# --- transfer encodings -------------------------------------------------------------------------------------------

_BLANKS = b" \t\r\n"


def is_plain(encoding: str) -> bool:
    """A transfer encoding that changes nothing."""
    return encoding.strip().strip('"').lower() in ("", "7bit", "8bit", "binary")


def decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The contents of a part without its Content-Transfer-Encoding."""
    if is_plain(encoding):
        return iter(chunks)
    encoding = encoding.strip().strip('"').lower()
    if encoding == "base64":
        return _from_base64(chunks)
    if encoding == "quoted-printable":
        return _from_quoted_printable(chunks)
    raise Malformed(f"a transfer encoding that nobody knows: {printable(encoding, 40)}")


def _from_base64(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = b""
    for chunk in chunks:
        data = held + chunk.translate(None, _BLANKS)
        cut = len(data) - len(data) % 4
        held = data[cut:]
        if cut:
            yield _base64(data[:cut])
    if held:
        yield _base64(held + b"=" * (-len(held) % 4))


def _base64(data: bytes) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("base64 that is none") from None


def _from_quoted_printable(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = b""
    for chunk in chunks:
        data = held + chunk
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) > CHUNK:
            raise Malformed("quoted-printable with a line that never ends")
        held = data[cut:]
        if cut:
            yield quopri.decodestring(data[:cut])
    if held:
        yield quopri.decodestring(held)


def base64_lines(data: bytes) -> bytes:
    """Base64 in lines of 64 characters with CRLF."""
    text = base64.b64encode(data)
    return b"".join(text[at : at + 64] + b"\r\n" for at in range(0, len(text), 64))


def base64_size(size: int) -> int:
    """How long `base64_lines` makes `size` bytes."""
    text = (size + 2) // 3 * 4
    return text + (text + 63) // 64 * 2
