"""Every finding this format can make: its weight, and the CONTRL error code (data element 0085) that says it.

The words a person reads are in the catalogue (words.py), under the same codes; a code that X12 has too means the same.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.formats.finding import Finding, Severity

W, E, R = Severity.WARNING, Severity.ERROR, Severity.REJECTS


class Code(StrEnum):
    """One kind of fault or deviation, how much it weighs and what 0085 says of it."""

    severity: Severity
    standard: str | None

    def __new__(cls, value: str, severity: Severity, standard: str | None = None) -> Code:
        """A code with its weight and the standard's own."""
        code = str.__new__(cls, value)
        code._value_ = value
        code.severity = severity
        code.standard = standard
        return code

    NOISE_SKIPPED = "noise-skipped", E
    ENCODING_UNUSUAL = "encoding-unusual", W
    LINES_WRAPPED = "lines-wrapped", W
    EMPTY_SEGMENTS = "empty-segments", W
    CHARACTER_OUTSIDE_BASIC_SET = "character-outside-basic-set", W, "21"
    # The interchange
    INTERCHANGE_HEADER_MISSING = "interchange-header-missing", R
    INTERCHANGE_HEADER_ELEMENT_MISSING = "interchange-header-element-missing", E, "13"
    INTERCHANGE_HEADER_ELEMENT_INVALID = "interchange-header-element-invalid", W, "12"
    INTERCHANGE_TRAILER_MISSING = "interchange-trailer-missing", R, "13"
    INTERCHANGE_CONTROL_NUMBER_MISMATCH = "interchange-control-number-mismatch", R, "28"
    MESSAGE_COUNT_WRONG = "message-count-wrong", R, "29"
    INTERCHANGE_EMPTY = "interchange-empty", R, "32"
    FINAL_TERMINATOR_MISSING = "final-terminator-missing", W
    # The group
    GROUP_TRAILER_MISSING = "group-trailer-missing", R, "13"
    GROUP_CONTROL_NUMBER_MISMATCH = "group-control-number-mismatch", E, "28"
    SET_COUNT_WRONG = "set-count-wrong", E, "29"
    GROUP_HEADER_MISSING = "group-header-missing", R, "13"
    # The message
    SET_UNSUPPORTED = "set-unsupported", W
    RELEASE_APPROXIMATED = "release-approximated", W
    SET_HEADER_MISSING = "set-header-missing", E, "33"
    SET_IDENTIFIER_INVALID = "set-identifier-invalid", E, "12"
    SET_TRAILER_MISSING = "set-trailer-missing", R, "13"
    SET_CONTROL_NUMBER_MISMATCH = "set-control-number-mismatch", E, "28"
    SET_CONTROL_NUMBER_REPEATED = "set-control-number-repeated", W, "26"
    SEGMENT_COUNT_WRONG = "segment-count-wrong", E, "29"
    SEGMENT_OUTSIDE_SET = "segment-outside-set", E, "33"
    # The segment
    UNRECOGNIZED_SEGMENT = "unrecognized-segment", E, "15"
    SEGMENT_NOT_IN_SET = "segment-not-in-set", E, "15"
    SEGMENT_NOT_IN_PROPER_SEQUENCE = "segment-not-in-proper-sequence", E, "15"
    SEGMENT_EXCEEDS_MAXIMUM_USE = "segment-exceeds-maximum-use", E, "35"
    LOOP_OCCURS_OVER_MAXIMUM_TIMES = "loop-occurs-over-maximum-times", E, "36"
    MANDATORY_SEGMENT_MISSING = "mandatory-segment-missing", R, "13"

    def at(
        self,
        segment: str | None = None,
        position: int | None = None,
        *,
        element: int | None = None,
        loop: str | None = None,
        value: str | None = None,
        expected: str | None = None,
    ) -> Finding:
        """A finding of this code."""
        return Finding(
            self.value, self.severity, self.standard, segment, position, element, None, loop, value, expected
        )
