"""Every finding this format can make, with the code the standard gives it in an acknowledgement.

The words a person reads are in the catalogue; the weight a finding has is in tolerance.py. A code is the standard's
sentence.
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """One kind of fault or deviation; `standard` is what TA105, AK905, AK502, AK304 or AK403 says of it."""

    standard: str | None

    def __new__(cls, value: str, standard: str | None = None) -> Code:
        """A code with the standard's own."""
        code = str.__new__(cls, value)
        code._value_ = value
        code.standard = standard
        return code

    # The stream and the interchange (TA105)
    NOISE_SKIPPED = "noise-skipped"  # bytes that belong to no interchange
    ENCODING_UNUSUAL = "encoding-unusual"  # UTF-16 or EBCDIC
    INTERCHANGE_HEADER_INVALID = "interchange-header-invalid", "022"  # no separators can be read from it
    INTERCHANGE_HEADER_NOT_PADDED = "interchange-header-not-padded", "022"
    INTERCHANGE_HEADER_ELEMENT_INVALID = "interchange-header-element-invalid", "024"
    COMPONENT_SEPARATOR_MISSING = "component-separator-missing", "027"
    INTERCHANGE_TRAILER_MISSING = "interchange-trailer-missing", "023"
    INTERCHANGE_CONTROL_NUMBER_MISMATCH = "interchange-control-number-mismatch", "001"
    INTERCHANGE_CONTROL_NUMBER_PADDING = "interchange-control-number-padding", "001"
    INTERCHANGE_CONTROL_NUMBER_REPEATED = "interchange-control-number-repeated", "025"
    GROUP_COUNT_WRONG = "group-count-wrong", "021"  # IEA01
    INTERCHANGE_EMPTY = "interchange-empty", "024"
    SEGMENT_OUTSIDE_GROUP = "segment-outside-group", "024"
    FINAL_TERMINATOR_MISSING = "final-terminator-missing"
    ENVELOPE_TOO_MANY_ELEMENTS = "envelope-too-many-elements"  # in GS, GE or IEA
    # The group (AK905)
    GROUP_HEADER_MISSING = "group-header-missing"
    GROUP_HEADER_ELEMENT_INVALID = "group-header-element-invalid", "1"
    FUNCTIONAL_ID_MISMATCH = "functional-id-mismatch", "1"  # GS01 does not fit ST01
    RELEASE_APPROXIMATED = "release-approximated"
    GROUP_TRAILER_MISSING = "group-trailer-missing", "3"
    GROUP_CONTROL_NUMBER_MISMATCH = "group-control-number-mismatch", "4"
    GROUP_CONTROL_NUMBER_PADDING = "group-control-number-padding", "4"
    SET_COUNT_WRONG = "set-count-wrong", "5"  # GE01
    GROUP_CONTROL_NUMBER_INVALID = "group-control-number-invalid", "6"
    GROUP_CONTROL_NUMBER_REPEATED = "group-control-number-repeated", "19"
    SEGMENT_OUTSIDE_SET = "segment-outside-set"
    SET_HEADER_MISSING = "set-header-missing"
    # The set (AK502)
    SET_UNSUPPORTED = "set-unsupported", "1"
    SET_TRAILER_MISSING = "set-trailer-missing", "2"
    SET_CONTROL_NUMBER_MISMATCH = "set-control-number-mismatch", "3"
    SET_CONTROL_NUMBER_PADDING = "set-control-number-padding", "3"
    SEGMENT_COUNT_WRONG = "segment-count-wrong", "4"  # SE01
    SET_IDENTIFIER_INVALID = "set-identifier-invalid", "6"
    SET_CONTROL_NUMBER_INVALID = "set-control-number-invalid", "7"
    SET_CONTROL_NUMBER_REPEATED = "set-control-number-repeated", "23"
    # How the set is written
    LINES_WRAPPED = "lines-wrapped"
    SEGMENTS_INDENTED = "segments-indented"
    EMPTY_SEGMENTS = "empty-segments"
    TAG_LOWER_CASE = "tag-lower-case"
    CHARACTER_OUTSIDE_BASIC_SET = "character-outside-basic-set"
    # The segment (AK304)
    UNRECOGNIZED_SEGMENT = "unrecognized-segment", "1"
    LOOP_START_MISSING = "loop-start-missing", "2"
    MANDATORY_SEGMENT_MISSING = "mandatory-segment-missing", "3"
    LOOP_OCCURS_OVER_MAXIMUM_TIMES = "loop-occurs-over-maximum-times", "4"
    SEGMENT_EXCEEDS_MAXIMUM_USE = "segment-exceeds-maximum-use", "5"
    SEGMENT_NOT_IN_SET = "segment-not-in-set", "6"
    SEGMENT_NOT_IN_PROPER_SEQUENCE = "segment-not-in-proper-sequence", "7"
    # The element (AK403)
    MANDATORY_ELEMENT_MISSING = "mandatory-element-missing", "1"
    CONDITIONAL_ELEMENT_MISSING = "conditional-element-missing", "2"
    TOO_MANY_ELEMENTS = "too-many-elements", "3"
    ELEMENT_TOO_SHORT = "element-too-short", "4"
    ELEMENT_TOO_LONG = "element-too-long", "5"
    INVALID_CHARACTER = "invalid-character", "6"
    INVALID_NUMBER = "invalid-number", "6"
    DECIMAL_POINT_IN_WHOLE_NUMBER = "decimal-point-in-whole-number", "6"
    UNEXPECTED_COMPONENTS = "unexpected-components", "6"
    INVALID_CODE_VALUE = "invalid-code-value", "7"
    INVALID_DATE = "invalid-date", "8"
    INVALID_TIME = "invalid-time", "9"
    EXCLUSION_VIOLATED = "exclusion-violated", "10"
    TOO_MANY_REPETITIONS = "too-many-repetitions", "12"
    TOO_MANY_COMPONENTS = "too-many-components", "13"
    TRAILING_EMPTY_ELEMENTS = "trailing-empty-elements"
    TRAILING_SPACES = "trailing-spaces"
    # The HL tree
    HL_NUMBER_REPEATED = "hl-number-repeated", "7"
    HL_NUMBER_OUT_OF_ORDER = "hl-number-out-of-order"
    HL_PARENT_MISSING = "hl-parent-missing", "2"
    HL_PARENT_UNKNOWN = "hl-parent-unknown", "7"
    HL_PARENT_CYCLE = "hl-parent-cycle", "7"
    HL_LEVEL_NOT_ALLOWED = "hl-level-not-allowed", "7"
    # Totals
    LINE_COUNT_WRONG = "line-count-wrong"  # CTT01
    HASH_TOTAL_WRONG = "hash-total-wrong"  # CTT02
