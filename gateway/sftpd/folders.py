"""What a partner sees: two folders over the store, and nothing else. No path here ever touches a disk.

A path is text that is made plain (`..` and `.` resolved) and compared with the folders of the login; what is not one of
them, above one of them or directly in one of them does not exist. There are no links.
"""

from __future__ import annotations

import fnmatch
import posixpath
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from gateway.channels.filename import is_partial
from gateway.pipeline import fetch
from gateway.pipeline.fetch import Owed
from gateway.sftpd.login import Login
from gateway.sftpd.wire import Code, Entry, Refusal
from gateway.store import uploads
from gateway.store.engine import Record, Store
from gateway.store.retry import SECOND
from gateway.store.schema import transmission

LONGEST_NAME = 255  # bytes, as file systems take
MOST_LISTED = 10_000  # names in one listing: the newest of the inbox, the longest waiting of the outbox
FRESH_S = 1.0  # how old the answer to "what do we owe them?" may be within a session


@dataclass(frozen=True, slots=True)
class Inbox:
    """A file name in the folder they write into."""

    name: str


@dataclass(frozen=True, slots=True)
class Outbox:
    """A file name in the folder they fetch from."""

    name: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of theirs, or one on the way to it."""

    path: str


Place = Inbox | Outbox | Folder


@dataclass(slots=True)
class Folders:
    """The view of one session."""

    store: Store
    login: Login
    taken: dict[str, Owed] = field(default_factory=dict)  # fetched in this session: stays in view until its end
    removed: set[int] = field(default_factory=set)
    _owed: dict[str, Owed] = field(default_factory=dict)
    _looked_at: float = -FRESH_S
    _known: frozenset[str] = frozenset()  # every folder there is: theirs, and those above them

    def __post_init__(self) -> None:
        said = (self.login.settings.inbox, self.login.settings.outbox)
        theirs = [PurePosixPath(one) for one in said if one is not None]
        self._known = frozenset(str(folder) for one in theirs for folder in (one, *one.parents))

    def place(self, path: str) -> Place:
        """Where a path leads. Raises Refusal."""
        if "\0" in path or len(path) > 4096:
            raise Refusal(Code.NO_SUCH_FILE, "no such path")
        plain = resolved(path)
        if plain in self._known:
            return Folder(plain)
        folder, name = posixpath.split(plain)
        if folder == self.login.settings.inbox:
            return Inbox(name)
        if folder == self.login.settings.outbox:
            return Outbox(name)
        raise Refusal(Code.NO_SUCH_FILE, "no such file or folder")

    def stat(self, path: str) -> Entry:
        """Raises Refusal."""
        match self.place(path):
            case Folder(plain):
                return self._folder(plain)
            case Inbox(name):
                return self._given(self.upload(name))
            case Outbox(name):
                return _owed_entry(self.owed(name))

    def listing(self, path: str) -> Iterator[Entry]:
        """What is in a folder, `.` and `..` among it. Raises Refusal."""
        place = self.place(path)
        if not isinstance(place, Folder):
            raise Refusal(Code.FAILURE, "this is no folder")
        yield from (self._folder(place.path, name) for name in (".", ".."))
        inside = {known[len(place.path.rstrip("/")) + 1 :].split("/")[0] for known in self._inside(place.path)}
        yield from (self._folder(posixpath.join(place.path, name), name) for name in sorted(inside))
        if place.path == self.login.settings.inbox:
            with self.store.read() as view:
                rows = uploads.listed(view, self.login.connection, MOST_LISTED)
                since = view.now - self._listed_for()
            yield from (self._given(row) for row in rows if _is_in_view(row, since))
        if place.path == self.login.settings.outbox:
            self._look()
            yield from (_owed_entry(one) for one in {**self._owed, **self.taken}.values())

    def upload(self, name: str) -> Record:
        """What stands in the inbox under a name. Raises Refusal."""
        row = uploads.find(self.store, self.login.connection, name)
        if row is not None and row.status == uploads.RECEIVED:
            with self.store.read() as view:
                is_old = row.touched_at < view.now - self._listed_for()
            row = None if is_old else row
        if row is None:
            raise Refusal(Code.NO_SUCH_FILE, "no such file")
        return row

    def given(self, name: str) -> tuple[int, int]:
        """Payload and size of what they gave us under a name, while it is in view. Raises Refusal."""
        row = self.upload(name)
        if row.status == uploads.PARTIAL:
            raise Refusal(Code.PERMISSION_DENIED, "this upload is not complete")
        if row.status == uploads.HELD:
            return row.payload_id, row.size
        with self.store.read() as view:
            received = view.get(transmission, row.transmission_id)
        if received is None or received.payload_id is None:
            raise Refusal(Code.NO_SUCH_FILE, "no such file")
        return received.payload_id, row.size

    def owed(self, name: str) -> Owed:
        """What lies in the outbox under a name. Raises Refusal."""
        if name not in self._owed or time.monotonic() - self._looked_at > FRESH_S:
            self._look()
        found = self._owed.get(name) or self.taken.get(name)
        if found is None or found.delivery_id in self.removed:
            raise Refusal(Code.NO_SUCH_FILE, "no such file")
        return found

    def new_name(self, name: str) -> str:
        """A name a file may get. Raises Refusal."""
        if len(name.encode()) > LONGEST_NAME:
            raise Refusal(Code.FAILURE, f"a name of more than {LONGEST_NAME} bytes")
        if "\\" in name or not name.isprintable():
            raise Refusal(Code.FAILURE, "a name with characters that no system takes")
        return name

    def is_temporary(self, name: str) -> bool:
        """Whether a file of this name counts only once it is renamed."""
        patterns = self.login.settings.temporary
        return is_partial(name) or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)

    def _look(self) -> None:
        with self.store.read() as view:
            found = fetch.waiting(view, self.login.connection, self.login.lane, MOST_LISTED)
        self._owed = {one.name: one for one in found if one.delivery_id not in self.removed}
        self._looked_at = time.monotonic()

    def _listed_for(self) -> int:
        return int(self.login.settings.listed_for.total_seconds() * SECOND)

    def _inside(self, path: str) -> list[str]:
        return [known for known in self._known if known != path and known.startswith(path.rstrip("/") + "/")]

    def _folder(self, path: str, name: str = "") -> Entry:
        is_writable = path == self.login.settings.inbox
        return Entry(name or posixpath.basename(path), 0, int(time.time()), is_folder=True, is_writable=is_writable)

    def _given(self, row: Record) -> Entry:
        return Entry(row.name, row.size, row.touched_at // SECOND, is_writable=row.status != uploads.RECEIVED)


def resolved(path: str) -> str:
    """An absolute path without `.`, `..` and double slashes; nothing is above `/`."""
    return posixpath.normpath("/" + path).replace("//", "/")


def _is_in_view(row: Record, since: int) -> bool:
    return bool(row.status != uploads.RECEIVED or row.touched_at >= since)


def _owed_entry(one: Owed) -> Entry:
    return Entry(one.name, one.size, one.since // SECOND)
