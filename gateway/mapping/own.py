"""Our own language as a file: JSON documents as `gateway translate` prints them, one or a list; no map is needed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from pydantic import ValidationError

from gateway.canonical import DOCUMENTS, Document, UnknownDocument, dump, parse
from gateway.canonical.values import Node
from gateway.formats.jsonfile.reading import NotJson, Stream
from gateway.mapping.faults import MISSING, MapError, Problem, refusal
from gateway.mapping.text import Part, read_all


class Own:
    """What a map does, for documents that are in our language already."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.name = f"our own JSON of kind {kind}"
        self.canonical: type[Node] = DOCUMENTS[kind]
        self.revision = f"{kind}:{DOCUMENTS[kind].schema_version}"
        self.several = True

    def parts(self, chunks: Iterable[bytes]) -> Iterator[Part]:
        """Each document of a file."""
        rest = iter(chunks)
        start = b""
        while not (opening := start.lstrip(b"\xef\xbb\xbf \t\r\n")) and (chunk := next(rest, None)) is not None:
            start += chunk
        several = opening[:1] == b"["
        try:
            for item in Stream(chain([start], rest)).items([] if several else None):
                place = f"/{item.n}" if several else "/"
                yield Part(item.n + 1, item.offset, item.size, place, item.line, item.data)
        except NotJson as error:
            raise MapError([Problem("the file", error.line, "", None, f"is not JSON: {error}", "")]) from None

    def fits(self, start: bytes) -> str:
        """Why a file that begins so is none of ours."""
        return "" if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") else "it is no JSON"

    def read_part(self, part: Part, *, partner: str | None = None) -> Document:
        """The document. Raises MapError."""
        try:
            said = json.loads(part.data)
            if isinstance(said, dict):
                said = {"kind": self.kind, **said}
            found = parse(json.dumps(said))
        except ValidationError as error:
            raise MapError([_problem(part, dict(one)) for one in error.errors()]) from None
        except UnknownDocument as error:
            raise MapError([Problem(part.place, part.line, "", None, str(error), "")]) from None
        if found.kind != self.kind:
            raise MapError([Problem(part.place, part.line, "", found.kind, f"is not {self.kind}", "")])
        return found

    def read_text(self, data: bytes, *, partner: str | None = None) -> list[Document]:
        """Every document of a file. Raises MapError."""
        return read_all(self, data, partner)

    def write_text(
        self,
        documents: Document | Sequence[Document],
        *,
        partner: str | None = None,
        answers: Sequence[Sequence[Document]] = (),
    ) -> bytes:
        """One document as an object, several as a list."""
        several = [documents] if isinstance(documents, Document) else list(documents)
        texts = [dump(document, indent=1) for document in several]
        return (texts[0] if len(texts) == 1 else f"[{','.join(texts)}]").encode() + b"\n"


def _problem(part: Part, error: dict[str, object]) -> Problem:
    where = error["loc"]
    assert isinstance(where, tuple)
    place = "/".join([part.place.rstrip("/"), *map(str, where)])
    missing = error["type"] == "missing"
    value = None if missing else str(error.get("input"))
    return Problem(place, part.line, "", value, MISSING if missing else refusal(error), "")
