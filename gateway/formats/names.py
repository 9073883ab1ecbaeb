"""Plain names of segments and elements, from the dictionary a document is checked by."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from gateway.formats.words import NO_NAMES, Names
from gateway.formats.x12.guide import Dictionary, GuideFault, packaged, release_of
from gateway.formats.x12.model import CompositeDef


def nearest_dictionary(version: str) -> Dictionary:
    """The dictionary of the release nearest to what GS08 says."""
    releases = packaged().releases()
    wanted = release_of(version) or releases[0]
    return packaged().dictionary(min(releases, key=lambda known: (abs(int(known) - int(wanted)), known)))


class X12Names:
    """Names in the nearest release we have a dictionary of."""

    def __init__(self, version: str) -> None:
        self._version = version

    def segment(self, tag: str) -> str | None:
        """What this segment is called."""
        try:
            return nearest_dictionary(self._version).segment(tag).name or None
        except GuideFault:
            return None

    def element(self, tag: str, element: int, component: int | None) -> str | None:
        """What this element or component is called."""
        try:
            uses = nearest_dictionary(self._version).segment(tag).elements
        except GuideFault:
            return None
        if element > len(uses):
            return None
        found = uses[element - 1].element
        if component and isinstance(found, CompositeDef):
            return found.elements[component - 1].element.name if component <= len(found.elements) else None
        return found.name


class EdifactNames:
    """Names of EDIFACT segments; its elements are named by their number."""

    def segment(self, tag: str) -> str | None:
        """What this segment is called."""
        return _edifact_segments().get(tag)

    def element(self, tag: str, element: int, component: int | None) -> str | None:
        """None, but for the service segments."""
        return _SERVICE_ELEMENTS.get((tag, element))


_SERVICE_ELEMENTS = {
    ("UNB", 1): "syntax",
    ("UNB", 2): "sender",
    ("UNB", 3): "receiver",
    ("UNB", 4): "date and time",
    ("UNB", 5): "interchange reference",
    ("UNH", 1): "message reference",
    ("UNH", 2): "message type",
    ("UNT", 1): "number of segments",
    ("UNT", 2): "message reference",
    ("UNE", 1): "number of messages",
    ("UNE", 2): "group reference",
    ("UNZ", 1): "number of messages or groups",
    ("UNZ", 2): "interchange reference",
}

EDIFACT_NAMES = EdifactNames()


@cache
def _edifact_segments() -> dict[str, str]:
    text = (files("gateway.formats.edifact") / "segments.yaml").read_text("ascii")
    return dict(line.split(": ", 1) for line in text.splitlines())


def names_for(standard: str | None, version: str | None) -> Names:
    """The names of a document's own dictionary, so that a fault is said everywhere as where it was found."""
    if standard == "x12" and version:
        return X12Names(version)
    return EDIFACT_NAMES if standard == "edifact" else NO_NAMES
