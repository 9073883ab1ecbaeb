"""What partners answer us: 997, 999, TA1 and 824 read into answers that name what they answer.

Partners leave out AK2, send AK9 alone, shorten control numbers; so an answer about a group always stands beside those
about its sets, and control numbers are given as they came. Matching is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.formats.finding import Finding, Severity
from gateway.formats.x12.codes import Code

Row = Sequence[str]

ANSWERING = frozenset({"997", "999", "824"})  # the sets that answer ours


class Outcome(StrEnum):
    """What a partner made of something we sent."""

    ACCEPTED = "accepted"
    ACCEPTED_WITH_ERRORS = "accepted-with-errors"
    PARTIALLY_ACCEPTED = "partially-accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"  # a code that is none


_OUTCOMES = {
    "A": Outcome.ACCEPTED,
    "E": Outcome.ACCEPTED_WITH_ERRORS,
    "P": Outcome.PARTIALLY_ACCEPTED,
    "R": Outcome.REJECTED,
    # refused for a reason of security
    "M": Outcome.REJECTED,
    "W": Outcome.REJECTED,
    "X": Outcome.REJECTED,
}
# OTI01 begins with its level (T set, G group, B batch, I item); C: accepted with a changed content
_ADVISED = {**_OUTCOMES, "C": Outcome.ACCEPTED_WITH_ERRORS}
# Element 647 in our words, where TED02 has none of theirs
_REASONS = {
    "006": "it was sent before",
    "007": "something is missing",
    "008": "a value is out of its range",
    "009": "a date is wrong",
    "010": "the total does not add up",
    "011": "it does not match what they have",
    "012": "values stand together that may not",
    "848": "it is wrong",
}


# TA105 in our words, where no check of ours says it; with the element of ISA it speaks of
_NOTES: dict[str, tuple[int | None, str]] = {
    "002": (11, "they do not take this standard"),
    "003": (12, "they do not take this version of the envelope"),
    "004": (None, "the segment terminator is not one they take"),
    "005": (5, "our qualifier is not one they know"),
    "006": (6, "our id is not one they know"),
    "007": (7, "their qualifier is not as they know it"),
    "008": (8, "their id is not as they know it"),
    "009": (8, "nobody there has the id we sent it to"),
    "010": (1, "the authorization qualifier is wrong"),
    "011": (2, "the authorization is wrong"),
    "012": (3, "the security qualifier is wrong"),
    "013": (4, "the password is wrong"),
    "014": (9, "the date is wrong"),
    "015": (10, "the time is wrong"),
    "016": (11, "the standards body or repetition separator is wrong"),
    "017": (12, "the version of the envelope is wrong"),
    "018": (13, "the interchange number is not a number"),
    "019": (14, "the request for a TA1 is wrong"),
    "020": (15, "the usage (test or production) is not the one they expect here"),
    "024": (None, "something inside it is wrong, for example its GS"),
    "026": (None, "the element separator is not one they take"),
    "027": (16, "the component separator is not one they take"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A partner's verdict on an interchange, a group or a set of ours."""

    kind: str  # "997", "999", "TA1", "824"
    outcome: Outcome
    findings: tuple[Finding, ...] = ()  # what they refuse, in our codes; positions count from ST = 1 in our set
    interchange_control_number: str | None = None  # TA101: ISA13 of ours
    functional_id: str | None = None  # AK101: GS01 of ours
    group_control_number: str | None = None  # AK102: GS06 of ours
    set_id: str | None = None  # AK201; None for an answer about a whole group
    set_control_number: str | None = None  # AK202: ST02 of ours
    reference: tuple[str, str] | None = None  # OTI02, OTI03: the business document an 824 speaks of
    counts: tuple[int, int, int] | None = None  # AK902 to AK904: included, received, accepted

    @property
    def about(self) -> str:
        """What it speaks of, as a person would name it."""
        if self.kind == "TA1":
            return f"interchange {self.interchange_control_number}"
        number = " ".join(filter(None, (self.set_id, self.set_control_number)))
        group = " ".join(filter(None, (self.functional_id, self.group_control_number)))
        if self.reference is not None and any(self.reference):
            named = " ".join(self.reference)
            return f"{named} ({number})" if number else named
        if number:
            return f"{number} of group {group}" if group else number
        return f"group {group}" + (f", {self.counts[2]:,} of {self.counts[0]:,} accepted" if self.counts else "")


def _at(row: Row, element: int) -> str:
    return row[element].strip() if len(row) > element else ""


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else None


def _by_standard_code(first: Code, last: Code) -> dict[str, Code]:
    every = list(Code)
    found: dict[str, Code] = {}
    for code in every[every.index(first) : every.index(last) + 1]:
        if code.standard is not None:
            found.setdefault(code.standard, code)
    return found


_INTERCHANGE = _by_standard_code(Code.NOISE_SKIPPED, Code.ENVELOPE_TOO_MANY_ELEMENTS)
_GROUP = _by_standard_code(Code.GROUP_HEADER_MISSING, Code.SET_HEADER_MISSING)
_SET = _by_standard_code(Code.SET_UNSUPPORTED, Code.SET_CONTROL_NUMBER_REPEATED)
_SEGMENT = _by_standard_code(Code.UNRECOGNIZED_SEGMENT, Code.SEGMENT_NOT_IN_PROPER_SEQUENCE)
_ELEMENT = _by_standard_code(Code.MANDATORY_ELEMENT_MISSING, Code.TRAILING_SPACES)

REFUSED = "refused-by-partner"  # a code the standard has and we never make, or free text


def _finding(known: dict[str, Code], standard: str, **place: object) -> Finding:
    code = known.get(standard)
    value = code.value if code is not None else REFUSED
    return Finding(value, Severity.ERROR, standard or None, **place)  # type: ignore[arg-type]


def answer_of_ta1(ta1: Row) -> Answer:
    """A TA1 segment."""
    note = _at(ta1, 5)
    element, said = _NOTES.get(note, (None, None))
    named = _finding({} if said else _INTERCHANGE, note, segment="ISA", element=element, expected=said)
    findings = () if note in ("", "000") else (named,)
    outcome = _OUTCOMES.get(_at(ta1, 4), Outcome.UNKNOWN)
    return Answer("TA1", outcome, findings, interchange_control_number=_at(ta1, 1))


def answers_of(rows: Sequence[Row]) -> list[Answer]:
    """The answers in a 997, 999 or 824 set: about sets in their order, a 997's or 999's about the group last."""
    kind = _at(rows[0], 1) if rows else ""
    if kind in ("997", "999"):
        return _functional(rows, kind)
    if kind == "824":
        return _application(rows)
    raise ValueError(f"{kind or 'nothing'} is no answer")


def _functional(rows: Iterable[Row], kind: str) -> list[Answer]:
    answers: list[Answer] = []
    functional_id = group = set_id = number = None
    findings: list[Finding] = []
    segment: tuple[str, int | None, str | None] = ("", None, None)
    pending: Finding | None = None  # an AK3 whose AK4 may follow
    for row in rows:
        tag = row[0].upper()
        if tag == "AK1":
            functional_id, group = _at(row, 1), _at(row, 2)
        elif tag == "AK2":
            set_id, number, findings, pending = _at(row, 1), _at(row, 2), [], None
        elif tag in ("AK3", "IK3"):
            if pending:
                findings.append(pending)
            segment = (_at(row, 1), _number(_at(row, 2)), _at(row, 3) or None)
            code = _at(row, 4)
            pending = _finding(_SEGMENT, code, segment=segment[0], position=segment[1], loop=segment[2])
        elif tag in ("AK4", "IK4"):
            if pending is not None and pending.standard_code not in (None, "8"):
                findings.append(pending)
            pending = None
            findings.append(_element(row, segment))
        elif tag in ("AK5", "IK5"):
            if pending:
                findings.append(pending)
            pending = None
            # "segments in error" repeats what AK3 said
            told = [code for code in (_at(row, n) for n in range(2, 7)) if code and not (code == "5" and findings)]
            findings += [_of_set(code) for code in told]
            outcome = _OUTCOMES.get(_at(row, 1), Outcome.UNKNOWN)
            answers.append(
                Answer(
                    kind,
                    outcome,
                    tuple(findings),
                    functional_id=functional_id,
                    group_control_number=group,
                    set_id=set_id,
                    set_control_number=number,
                )
            )
        elif tag == "AK9":
            told = [code for code in (_at(row, n) for n in range(5, 10)) if code]
            counts = [_number(_at(row, n)) for n in (2, 3, 4)]
            answers.append(
                Answer(
                    kind,
                    _OUTCOMES.get(_at(row, 1), Outcome.UNKNOWN),
                    tuple(_finding(_GROUP, code, segment="GS") for code in told),
                    functional_id=functional_id,
                    group_control_number=group,
                    counts=_counts(counts),
                )
            )
    return answers


def _of_set(code: str) -> Finding:
    found = _finding(_SET, code, segment="ST", position=1)
    return replace(found, expected="segments of it are wrong, they do not say which") if code == "5" else found


def _counts(counts: list[int | None]) -> tuple[int, int, int] | None:
    included, received, accepted = counts
    if included is None or received is None or accepted is None:
        return None
    return included, received, accepted


def _element(row: Row, segment: tuple[str, int | None, str | None]) -> Finding:
    # AK401 is a composite whose separator is the partner's; any character that is no digit separates
    place = "".join(c if c.isdecimal() else " " for c in _at(row, 1)).split()
    return _finding(
        _ELEMENT,
        _at(row, 3),
        segment=segment[0],
        position=segment[1],
        loop=segment[2],
        element=int(place[0]) if place else None,
        component=int(place[1]) if len(place) > 1 else None,
        value=_at(row, 4) or None,
        reference=_at(row, 2) or None,
    )


def _application(rows: Iterable[Row]) -> list[Answer]:
    """824: OTI names a document and its fate, TED what is wrong with it, in codes or words."""
    answers: list[Answer] = []
    current: Answer | None = None
    findings: list[Finding] = []

    def close() -> None:
        if current is not None:
            answers.append(replace(current, findings=tuple(findings)))

    for row in rows:
        tag = row[0].upper()
        if tag == "OTI":
            close()
            findings = []
            current = Answer(
                "824",
                _ADVISED.get(_at(row, 1)[1:2], Outcome.UNKNOWN),
                reference=(_at(row, 2), _at(row, 3)),
                group_control_number=_at(row, 8) or None,
                set_control_number=_at(row, 9) or None,
                set_id=_at(row, 10) or None,
            )
        elif tag == "TED" and current is not None:
            place = "".join(c if c.isdecimal() else " " for c in _at(row, 5)).split()
            findings.append(
                Finding(
                    REFUSED,
                    Severity.ERROR,
                    _at(row, 1) or None,
                    segment=_at(row, 3) or None,
                    position=_number(_at(row, 4)),
                    element=int(place[0]) if place else None,
                    value=_at(row, 7) or None,
                    expected=_at(row, 2) or _REASONS.get(_at(row, 1)),
                )
            )
        elif tag == "NTE" and current is not None and findings:
            words = "; ".join(filter(None, (findings[-1].expected, _at(row, 2))))
            findings[-1] = replace(findings[-1], expected=words)
    close()
    return answers
