"""How strictly a partner's deviations are taken: named relaxations, three presets, overrides a profile may name.

A relaxation never silences: what it tolerates stays a finding, of severity warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.formats.finding import Finding, Severity
from gateway.formats.x12.codes import Code


class Preset(StrEnum):
    """Where a partner's agreement starts from."""

    STRICT = "strict"  # anything the standard forbids refuses the set, group or interchange it stands in
    STANDARD = "standard"  # what real partners send is processed; what cannot be processed safely is refused
    LENIENT = "lenient"  # only what makes a document unreadable is refused


W, E, R = Severity.WARNING, Severity.ERROR, Severity.REJECTS


@dataclass(frozen=True, slots=True)
class Relaxation:
    """Deviations that a profile allows or forbids together."""

    sentence: str  # what is tolerated, for the profile's documentation
    strict: Severity
    standard: Severity
    lenient: Severity
    codes: tuple[Code, ...]


RELAXATIONS: Mapping[str, Relaxation] = {
    "noise": Relaxation("Bytes before, between and after interchanges.", E, W, W, (Code.NOISE_SKIPPED,)),
    "encoding": Relaxation(
        "UTF-16 or EBCDIC, and letters outside the basic set.",
        E,
        W,
        W,
        (Code.ENCODING_UNUSUAL, Code.CHARACTER_OUTSIDE_BASIC_SET),
    ),
    "layout": Relaxation(
        "Wrapped lines, indented or empty segments, lower-case tags, a missing last terminator.",
        E,
        W,
        W,
        (
            Code.LINES_WRAPPED,
            Code.SEGMENTS_INDENTED,
            Code.EMPTY_SEGMENTS,
            Code.TAG_LOWER_CASE,
            Code.FINAL_TERMINATOR_MISSING,
        ),
    ),
    "trailing-separators": Relaxation(
        "Empty elements at the end of a segment.", E, E, W, (Code.TRAILING_EMPTY_ELEMENTS,)
    ),
    "trailing-spaces": Relaxation("Spaces at the end of an element.", E, W, W, (Code.TRAILING_SPACES,)),
    "unpadded-header": Relaxation(
        "An ISA whose elements are not padded to their fixed width, or without ISA16.",
        R,
        E,
        W,
        (Code.INTERCHANGE_HEADER_NOT_PADDED, Code.COMPONENT_SEPARATOR_MISSING),
    ),
    "header-elements": Relaxation(
        "Values in ISA that are not what the standard lists.",
        R,
        W,
        W,
        (Code.INTERCHANGE_HEADER_ELEMENT_INVALID,),
    ),
    "group-header-elements": Relaxation(
        "Values in GS that are not what the standard lists.",
        R,
        W,
        W,
        (
            Code.GROUP_HEADER_ELEMENT_INVALID,
            Code.GROUP_CONTROL_NUMBER_INVALID,
        ),
    ),
    "functional-id": Relaxation("A GS01 that does not fit ST01.", R, E, W, (Code.FUNCTIONAL_ID_MISMATCH,)),
    "release": Relaxation(
        "A release we have no guide for, checked against the nearest; a set we have no guide for, kept unchecked.",
        E,
        W,
        W,
        (Code.RELEASE_APPROXIMATED, Code.SET_UNSUPPORTED),
    ),
    "interchange-control-number": Relaxation(
        "An IEA02 that differs from ISA13.", R, R, W, (Code.INTERCHANGE_CONTROL_NUMBER_MISMATCH,)
    ),
    "interchange-control-number-padding": Relaxation(
        "An IEA02 that differs from ISA13 only in leading zeros.", E, W, W, (Code.INTERCHANGE_CONTROL_NUMBER_PADDING,)
    ),
    "control-number-padding": Relaxation(
        "A GE02 or SE02 that differs from its header only in leading zeros.",
        E,
        E,
        W,
        (Code.GROUP_CONTROL_NUMBER_PADDING, Code.SET_CONTROL_NUMBER_PADDING),
    ),
    "interchange-control-number-repeated": Relaxation(
        "One file with two interchanges of one number.", R, E, W, (Code.INTERCHANGE_CONTROL_NUMBER_REPEATED,)
    ),
    "control-number-repeated": Relaxation(
        "Two groups of an interchange, or two sets of a group, with one number.",
        R,
        W,
        W,
        (Code.GROUP_CONTROL_NUMBER_REPEATED, Code.SET_CONTROL_NUMBER_REPEATED),
    ),
    "group-count": Relaxation("An IEA01 that miscounts the groups.", R, R, W, (Code.GROUP_COUNT_WRONG,)),
    "set-count": Relaxation(
        "A GE01 that miscounts the sets, as when a VAN splits a batch.", R, E, W, (Code.SET_COUNT_WRONG,)
    ),
    "segment-count": Relaxation("An SE01 that miscounts the segments.", R, E, W, (Code.SEGMENT_COUNT_WRONG,)),
    "trailer-control-number": Relaxation(
        "A GE02 or SE02 that differs from its header.",
        R,
        E,
        W,
        (
            Code.GROUP_CONTROL_NUMBER_MISMATCH,
            Code.SET_CONTROL_NUMBER_MISMATCH,
            Code.SET_CONTROL_NUMBER_INVALID,
            Code.SET_IDENTIFIER_INVALID,
        ),
    ),
    "missing-trailer": Relaxation(
        "Nothing: half a document is never processed.",
        R,
        R,
        R,
        (
            Code.INTERCHANGE_TRAILER_MISSING,
            Code.GROUP_TRAILER_MISSING,
            Code.SET_TRAILER_MISSING,
        ),
    ),
    "unusable": Relaxation(
        "Nothing: there is no envelope to go by.",
        R,
        R,
        R,
        (
            Code.INTERCHANGE_HEADER_INVALID,
            Code.INTERCHANGE_EMPTY,
            Code.SEGMENT_OUTSIDE_GROUP,
            Code.GROUP_HEADER_MISSING,
        ),
    ),
    "stray-segments": Relaxation(
        "Segments between sets.", R, E, E, (Code.SEGMENT_OUTSIDE_SET, Code.SET_HEADER_MISSING)
    ),
    "structure": Relaxation(
        "Segments the guide does not know or that stand elsewhere, and more of them than it allows; they are kept.",
        R,
        E,
        W,
        (
            Code.UNRECOGNIZED_SEGMENT,
            Code.LOOP_OCCURS_OVER_MAXIMUM_TIMES,
            Code.SEGMENT_EXCEEDS_MAXIMUM_USE,
            Code.SEGMENT_NOT_IN_SET,
            Code.SEGMENT_NOT_IN_PROPER_SEQUENCE,
        ),
    ),
    "missing-segments": Relaxation(
        "A set without a segment it needs, or a loop without its first segment.",
        R,
        R,
        E,
        (Code.MANDATORY_SEGMENT_MISSING, Code.LOOP_START_MISSING),
    ),
    "missing-elements": Relaxation(
        "A segment without an element it needs.",
        R,
        E,
        W,
        (Code.MANDATORY_ELEMENT_MISSING, Code.CONDITIONAL_ELEMENT_MISSING, Code.EXCLUSION_VIOLATED),
    ),
    "extra-elements": Relaxation(
        "More elements, components or repetitions than the guide has.",
        R,
        E,
        W,
        (
            Code.TOO_MANY_ELEMENTS,
            Code.ENVELOPE_TOO_MANY_ELEMENTS,
            Code.TOO_MANY_REPETITIONS,
            Code.TOO_MANY_COMPONENTS,
            Code.UNEXPECTED_COMPONENTS,
        ),
    ),
    "lengths": Relaxation(
        "Values shorter or longer than the dictionary allows; they are kept whole.",
        R,
        E,
        W,
        (Code.ELEMENT_TOO_SHORT, Code.ELEMENT_TOO_LONG),
    ),
    "codes": Relaxation("Codes the dictionary does not list.", R, E, W, (Code.INVALID_CODE_VALUE,)),
    "values": Relaxation(
        "Dates, times, numbers and characters that are none.",
        R,
        E,
        E,
        (
            Code.INVALID_CHARACTER,
            Code.INVALID_NUMBER,
            Code.DECIMAL_POINT_IN_WHOLE_NUMBER,
            Code.INVALID_DATE,
            Code.INVALID_TIME,
        ),
    ),
    "hl-numbers": Relaxation(
        "HL01 not counting from 1, HL02 left blank: the tree is built by level order.",
        R,
        W,
        W,
        (Code.HL_NUMBER_OUT_OF_ORDER, Code.HL_PARENT_MISSING),
    ),
    "hl-tree": Relaxation(
        "Levels under parents the guide does not foresee, HL01 used twice.",
        R,
        E,
        W,
        (Code.HL_LEVEL_NOT_ALLOWED, Code.HL_NUMBER_REPEATED, Code.HL_PARENT_UNKNOWN),
    ),
    "hl-cycle": Relaxation("Nothing: a tree that is none cannot be read.", R, R, R, (Code.HL_PARENT_CYCLE,)),
    "totals": Relaxation("A CTT that miscounts.", E, W, W, (Code.LINE_COUNT_WRONG, Code.HASH_TOTAL_WRONG)),
}

_NAME_OF = {code: name for name, relaxation in RELAXATIONS.items() for code in relaxation.codes}


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What a partner is allowed: a preset, and overrides by the relaxation's name."""

    preset: Preset = Preset.STANDARD
    overrides: Mapping[str, Severity] = field(default_factory=dict)
    _weights: Mapping[str, Severity] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a name that is none, and weigh every code once."""
        unknown = self.overrides.keys() - RELAXATIONS.keys()
        if unknown:
            raise ValueError(f"no relaxation is called {', '.join(sorted(unknown))}")
        weights = {}
        for code, name in _NAME_OF.items():
            weights[str(code)] = self.overrides.get(name) or getattr(RELAXATIONS[name], self.preset.value)
        object.__setattr__(self, "_weights", weights)

    def severity(self, code: Code) -> Severity:
        """What a finding of this code weighs here."""
        return self._weights[code]

    def finding(
        self,
        code: Code,
        *,
        standard_code: str | None = None,
        segment: str | None = None,
        position: int | None = None,
        element: int | None = None,
        component: int | None = None,
        loop: str | None = None,
        value: str | None = None,
        expected: str | None = None,
        reference: str | None = None,
    ) -> Finding:
        """A finding of this code, weighed."""
        return Finding(
            code.value,
            self._weights[code],
            standard_code or code.standard,
            segment,
            position,
            element,
            component,
            loop,
            value,
            expected,
            reference,
        )


STRICT = Tolerance(Preset.STRICT)
STANDARD = Tolerance()
LENIENT = Tolerance(Preset.LENIENT)
