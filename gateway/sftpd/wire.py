"""SFTP version 3 (draft-ietf-secsh-filexfer-02) as bytes: requests taken apart, answers put together. No sockets."""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

VERSION = 3
LONGEST_PACKET = 256 * 1024  # as OpenSSH: SFTP_MAX_MSG_LENGTH
LONGEST_DATA = LONGEST_PACKET - 1024  # of one READ or WRITE; OpenSSH's client asks for it (limits@openssh.com)
READ, WRITE, APPEND, CREATE, TRUNCATE, EXCLUSIVE = 1, 2, 4, 8, 16, 32
FOLDER_MODE, FILE_MODE = 0o040700, 0o100600
EXTENSIONS = {b"posix-rename@openssh.com": b"1", b"fsync@openssh.com": b"1", b"limits@openssh.com": b"1"}

_SIZE, _TIMES = 0x1, 0x8
_ATTRIBUTE_SIZES = ((0x1, 8), (0x2, 8), (0x4, 4), (0x8, 8))
_EXTENDED_ATTRIBUTES = 0x80000000
_HEAD = struct.Struct(">IBI")
_ATTRS = struct.Struct(">IQIII")


class Kind(IntEnum):
    """What a packet is."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    READLINK = 19
    SYMLINK = 20
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class Code(IntEnum):
    """How a request ended."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    UNSUPPORTED = 8


class BadPacket(Exception):
    """What came is no SFTP; the session ends."""


class Refusal(Exception):
    """A request is answered with a code and a sentence for the partner's log."""

    def __init__(self, code: Code, words: str) -> None:
        super().__init__(words)
        self.code = code


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder as a partner sees it."""

    name: str
    size: int
    moment: int  # seconds since 1970
    is_folder: bool = False
    is_writable: bool = False


class Packets:
    """Bytes of the channel, cut into packets."""

    def __init__(self) -> None:
        self.size = 0  # bytes that wait
        self.whole: deque[bytes] = deque()
        self._begun = bytearray()

    def feed(self, data: bytes) -> None:
        """Raises BadPacket as soon as one says that it is too long."""
        self.size += len(data)
        if not self._begun and len(data) == 4 + _length(data):  # the usual case: it came alone
            self.whole.append(data)
            return
        self._begun += data
        while len(self._begun) >= 4 and len(self._begun) >= (end := 4 + _length(self._begun)):
            with memoryview(self._begun) as view:
                self.whole.append(bytes(view[:end]))
            del self._begun[:end]

    def next(self) -> Fields:
        packet = self.whole.popleft()
        self.size -= len(packet)
        return Fields(packet)


def _length(begun: bytes | bytearray) -> int:
    """Of a packet after these first four bytes; fewer of them say nothing yet."""
    length = int.from_bytes(begun[:4], "big")
    if len(begun) >= 4 and not 1 <= length <= LONGEST_PACKET:
        raise BadPacket(f"a packet of {length} bytes")
    return length


class Fields:
    """The fields of a request, read in their order. Raises BadPacket where it ends too early."""

    def __init__(self, packet: bytes) -> None:
        self.kind = packet[4]
        self._packet = packet
        self._at = 5

    def number(self) -> int:
        start, self._at = self._at, self._at + 4
        if self._at > len(self._packet):
            raise BadPacket("a request that ends too early")
        return int.from_bytes(self._packet[start : self._at], "big")

    def long(self) -> int:
        return int.from_bytes(self._take(8), "big")

    def string(self) -> bytes:
        return self._take(self.number())

    def path(self) -> str:
        try:
            return self.string().decode("utf-8")
        except UnicodeDecodeError:
            raise Refusal(Code.NO_SUCH_FILE, "a name that is not UTF-8") from None

    def size_attribute(self) -> int | None:
        """The size among file attributes, if it is given; the others are read over."""
        flags, size = self.number(), None
        for flag, length in _ATTRIBUTE_SIZES:
            if flags & flag:
                value = self._take(length)
                size = int.from_bytes(value, "big") if flag == _SIZE else size
        if flags & _EXTENDED_ATTRIBUTES:
            for _ in range(min(self.number(), 64)):
                self.string(), self.string()
        return size

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._packet):
            raise BadPacket("a request that ends too early")
        taken = self._packet[self._at : end]
        self._at = end
        return taken


def status(number: int, code: Code, words: str = "") -> bytes:
    return _packet(Kind.STATUS, number, _how_it_ended(code, words) if words else _ENDS[code])


def _how_it_ended(code: Code, words: str) -> bytes:
    return code.to_bytes(4, "big") + _string(words.encode()) + _string(b"")


def version() -> bytes:
    body = b"".join(_string(name) + _string(value) for name, value in EXTENSIONS.items())
    return struct.pack(">IBI", 5 + len(body), Kind.VERSION, VERSION) + body


def handle(number: int, name: bytes) -> bytes:
    return _packet(Kind.HANDLE, number, _string(name))


def data(number: int, content: bytes) -> bytes:
    size = len(content)
    return b"".join((_HEAD.pack(9 + size, Kind.DATA, number), size.to_bytes(4, "big"), content))


def attributes(number: int, entry: Entry) -> bytes:
    return _packet(Kind.ATTRS, number, _attributes(entry))


def names(number: int, entries: Sequence[Entry]) -> bytes:
    body = b"".join(_string(e.name.encode()) + _string(_long_name(e)) + _attributes(e) for e in entries)
    return _packet(Kind.NAME, number, struct.pack(">I", len(entries)) + body)


def limits(number: int, handles: int) -> bytes:
    return _packet(
        Kind.EXTENDED_REPLY, number, struct.pack(">QQQQ", LONGEST_PACKET, LONGEST_DATA, LONGEST_DATA, handles)
    )


def _packet(kind: Kind, number: int, body: bytes) -> bytes:
    return _HEAD.pack(5 + len(body), kind, number) + body


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


_ENDS = {code: _how_it_ended(code, code.name.replace("_", " ").lower()) for code in Code}


def _mode(entry: Entry) -> int:
    if entry.is_folder:
        return FOLDER_MODE if entry.is_writable else FOLDER_MODE & ~0o200
    return FILE_MODE if entry.is_writable else FILE_MODE & ~0o200


def _attributes(entry: Entry) -> bytes:
    return _ATTRS.pack(_SIZE | 0x4 | _TIMES, entry.size, _mode(entry), entry.moment, entry.moment)


def _long_name(entry: Entry) -> bytes:
    """As `ls -l`: clients print it."""
    letters = ("d" if entry.is_folder else "-") + "r" + ("w" if entry.is_writable else "-")
    letters += ("x" if entry.is_folder else "-") + "------"
    when = time.strftime("%b %d %H:%M", time.gmtime(entry.moment))
    return f"{letters} 1 edi edi {entry.size:>12} {when} {entry.name}".encode()
