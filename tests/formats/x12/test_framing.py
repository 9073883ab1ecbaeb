from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from x12_documents import ORDER, a_group, a_set, an_interchange, rows

from gateway.formats.x12 import source
from gateway.formats.x12.frames import (
    Acknowledged,
    Frame,
    GroupClosed,
    GroupOpened,
    InterchangeClosed,
    InterchangeOpened,
    SetFramed,
    Skipped,
)
from gateway.formats.x12.framing import Reader
from gateway.formats.x12.separators import NotX12
from gateway.formats.x12.splitting import rows_of


def frames(text: str | bytes) -> list[Frame]:
    return list(Reader([text.encode("latin-1") if isinstance(text, str) else text]))


def sets(found: list[Frame]) -> list[SetFramed]:
    return [frame for frame in found if isinstance(frame, SetFramed)]


def codes(found: list[Frame]) -> list[str]:
    every = []
    for frame in found:
        if isinstance(frame, Skipped):
            every.append(frame.finding.code)
        elif not isinstance(frame, Acknowledged):
            every += [finding.code for finding in frame.findings]
    return every


def test_a_clean_interchange_has_no_findings() -> None:
    found = frames(an_interchange())
    assert [type(frame) for frame in found] == [
        InterchangeOpened,
        GroupOpened,
        SetFramed,
        GroupClosed,
        InterchangeClosed,
    ]
    assert codes(found) == []
    (one,) = sets(found)
    assert one.rows == rows(a_set())
    assert (one.set_id, one.control_number, one.position) == ("850", "0001", 1)


def test_offset_and_size_cut_the_set_out_again() -> None:
    data = ("noise\r\n" + an_interchange([a_group([a_set(), a_set(number="0002")])], end="~\r\n")).encode()
    found = frames(data)
    opened = next(frame for frame in found if isinstance(frame, InterchangeOpened))
    for one in sets(found):
        cut = data[one.offset : one.offset + one.size]
        assert cut.startswith(b"ST*850*")
        assert cut.endswith(b"~")
        assert rows_of(cut, opened.separators) == one.rows


@pytest.mark.parametrize("end", ["~", "~\n", "~\r\n", "\n", "\r\n", "\r", "\x15", "!", "~\n\n", "~  \n"])
def test_line_ends_and_terminators_change_nothing(end: str) -> None:
    found = frames(an_interchange(end=end))
    assert sets(found)[0].rows == rows(a_set())
    assert codes(found) == []


def test_a_terminator_that_became_two_bytes() -> None:
    found = frames(an_interchange(end="§").encode("utf-8"))
    assert sets(found)[0].rows == rows(a_set())
    assert codes(found) == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "cp037", "utf-8-sig"])
def test_other_encodings_are_read_and_said(encoding: str) -> None:
    data = an_interchange().encode(encoding)
    found = frames(data)
    assert sets(found)[0].rows == rows(a_set())
    assert codes(found) == ["encoding-unusual"]
    opened = found[0]
    assert isinstance(opened, InterchangeOpened)
    one = sets(found)[0]
    assert rows_of(data[one.offset : one.offset + one.size], opened.separators) == one.rows


@pytest.mark.parametrize(("encoding", "said"), [("utf-8", "utf-8"), ("latin-1", "latin-1")])
def test_letters_outside_the_basic_set_are_read_and_said(encoding: str, said: str) -> None:
    data = an_interchange([a_group([a_set([*ORDER[:1], "N1*BY*CAFÉ MÜLLER", *ORDER[2:]])])]).encode(encoding)
    one = sets(frames(data))[0]
    assert one.rows[2][2] == "CAFÉ MÜLLER"
    assert [(f.code, f.value) for f in one.findings] == [("character-outside-basic-set", said)]


def test_wrapped_lines_are_joined_and_said() -> None:
    text = an_interchange()
    wrapped = "\r\n".join(text[at : at + 80] for at in range(0, len(text), 80))
    found = frames(wrapped)
    assert sets(found)[0].rows == rows(a_set())
    assert "lines-wrapped" in codes(found)


def test_indented_and_empty_segments_are_said() -> None:
    indented = an_interchange(end="~\n").replace("\nPID", "\n    PID")
    assert sets(frames(indented))[0].rows == rows(a_set())
    assert codes(frames(indented)) == ["segments-indented"]
    empty = an_interchange().replace("~PID", "~~PID")
    assert sets(frames(empty))[0].rows == rows(a_set())
    assert codes(frames(empty)) == ["empty-segments"]


def test_a_missing_last_terminator_is_said() -> None:
    found = frames(an_interchange().removesuffix("~"))
    assert codes(found) == ["final-terminator-missing"]


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (("SE*9", "SE*11"), "segment-count-wrong"),
        (("SE*9*0001", "SE*9*0002"), "set-control-number-mismatch"),
        (("SE*9*0001", "SE*9*1"), "set-control-number-padding"),
        (("GE*1*1", "GE*2*1"), "set-count-wrong"),
        (("GE*1*1", "GE*1*2"), "group-control-number-mismatch"),
        (("IEA*1", "IEA*3"), "group-count-wrong"),
        (("IEA*1*000000001", "IEA*1*000000002"), "interchange-control-number-mismatch"),
        (("IEA*1*000000001", "IEA*1*1"), "interchange-control-number-padding"),
        (("SE*9*0001~", ""), "set-trailer-missing"),
        (("GE*1*1~", ""), "group-trailer-missing"),
        (("IEA*1*000000001~", ""), "interchange-trailer-missing"),
        (("ST*850", "ST*856"), "functional-id-mismatch"),
        (("ST*850*0001", "ST*850*"), "set-control-number-invalid"),
        (("ST*850", "ST*8"), "set-identifier-invalid"),
        (("GE*1*1~", "XYZ*1~GE*1*1~"), "segment-outside-set"),
        (("GE*1*1~", "SE*1*1~GE*1*1~"), "set-header-missing"),
        (("X*004010~", "X*004010*MORE~"), "envelope-too-many-elements"),
    ],
)
def test_damaged_envelopes(damage: tuple[str, str], code: str) -> None:
    text = an_interchange()
    assert damage[0] in text
    assert code in codes(frames(text.replace(*damage)))


def test_a_set_without_its_trailer_ends_where_the_next_one_starts() -> None:
    text = an_interchange([a_group([a_set(), a_set(number="0002")])]).replace("SE*9*0001~", "")
    one, two = sets(frames(text))
    assert one.rows == rows(a_set())[:-1]
    assert two.rows == rows(a_set(number="0002"))


def test_a_truncated_interchange_releases_nothing_and_the_next_one_is_read() -> None:
    cut = an_interchange().split("PID")[0]
    found = frames(cut + "\n" + an_interchange(number="000000002").replace("*", "|").replace("~", "!"))
    closed = [frame for frame in found if isinstance(frame, InterchangeClosed)]
    assert [frame.truncated for frame in closed] == [True, False]
    assert sets(found)[1].rows == rows(a_set())


def test_noise_between_interchanges_is_skipped_and_said() -> None:
    text = (
        "Content-Type: application/edi-x12\n\n"
        + an_interchange()
        + "\0\x1a\n$$END\n"
        + an_interchange(number="000000002")
    )
    found = frames(text)
    skipped = [frame for frame in found if isinstance(frame, Skipped)]
    assert [frame.data.strip("\0\x1a\n") for frame in skipped] == ["Content-Type: application/edi-x12", "$$END"]
    assert len(sets(found)) == 2


def test_a_file_behind_another_that_lacks_its_last_terminator_is_read() -> None:
    found = frames(an_interchange()[:-1] + an_interchange(number="000000002"))
    assert [one.control_number for one in sets(found)] == ["0001", "0001"]
    assert codes(found) == ["final-terminator-missing"]


@pytest.mark.parametrize(
    "header",
    ["ISA*00*junk~", an_interchange()[:104] + "X*>~", an_interchange().partition("GS*")[0].replace(">", "&gt;")],
    ids=["too short", "an element too many", "escaped for HTML"],
)
def test_a_header_whose_separators_collide_hides_nothing_behind_it(header: str) -> None:
    found = frames(header + an_interchange())
    assert isinstance(found[0], Skipped)
    assert codes(found) == ["interchange-header-invalid"]
    assert len(sets(found)) == 1


def test_a_blank_behind_each_terminator_is_an_indentation() -> None:
    found = frames(an_interchange(end="~ "))
    assert sets(found)[0].rows == rows(a_set())
    assert codes(found) == ["segments-indented"]


def test_isa_in_words_and_data_opens_nothing() -> None:
    text = "LISA*IS*NOT*A*HEADER\n" + an_interchange([a_group([a_set([*ORDER[:1], "N1*ISA*ISA", *ORDER[2:]])])])
    found = frames(text)
    assert sum(isinstance(frame, InterchangeOpened) for frame in found) == 1
    assert sets(found)[0].rows[2] == ["N1", "ISA", "ISA"]


def test_lower_case_tags_of_the_envelope_are_read() -> None:
    assert len(sets(frames(an_interchange().lower()))) == 1


def test_a_ta1_is_handed_on() -> None:
    text = an_interchange([]).replace("IEA", "TA1*000000009*260115*0930*A*000~IEA")
    found = frames(text)
    assert [frame.ta1[1] for frame in found if isinstance(frame, Acknowledged)] == ["000000009"]
    assert codes(found) == []


def test_repeated_numbers_are_said() -> None:
    text = an_interchange([a_group([a_set(), a_set()]), a_group([a_set()])]) + an_interchange()
    repeated = [code for code in codes(frames(text)) if code.endswith("repeated")]
    assert repeated == [
        "set-control-number-repeated",
        "group-control-number-repeated",
        "interchange-control-number-repeated",
    ]


@pytest.mark.parametrize("data", [b"", b"\0\0", b"hello", b"ST*850*1~SE*2*1~", b"ISA", b"\xff\xfe\x00"])
def test_a_stream_without_an_interchange_is_refused(data: bytes) -> None:
    with pytest.raises(NotX12):
        frames(data)


PIECES = st.sampled_from(
    [
        an_interchange(),
        an_interchange(end="~\r\n"),
        an_interchange().replace("*", "|").replace("~", "\n"),
        an_interchange()[:150],
        "ISA*00*", "ST*850*0001~", "SE*9*0001~", "GE*1*1~", "GS*PO*A*B*20260115*0930*1*X*004010~", "IEA*1*000000001~",
        "BEG*00~", "~", "*", "\r\n", "  ", "\0", "é", "\xff", "ISA", "TA1*1~", "PO1*1~", "st*850*1~", "SE*", "\n",
    ]
)  # fmt: skip
STREAMS = st.lists(PIECES, max_size=8).map("".join).map(lambda text: text.encode("latin-1")) | st.binary(max_size=300)


def answer(chunks: list[bytes]) -> list[Frame] | str:
    try:
        return list(Reader(chunks))
    except NotX12 as error:
        return str(error)


@settings(max_examples=300, deadline=None)
@given(STREAMS, st.lists(st.integers(1, 200), max_size=6), st.booleans())
def test_whole_or_in_chunks_the_answer_is_the_same(data: bytes, cuts: list[int], small: bool) -> None:
    whole = answer([data])
    chunks, at = [], 0
    for cut in cuts:
        chunks.append(data[at : at + cut])
        at += cut
    chunks.append(data[at:])
    window = source.WINDOW
    source.WINDOW = 1 if small else window
    try:
        assert answer(chunks) == whole
        if len(data) < 400:
            assert answer([data[i : i + 1] for i in range(len(data))]) == whole
    finally:
        source.WINDOW = window


@settings(max_examples=150, deadline=None)
@given(STREAMS, st.integers(0, 40))
def test_a_reader_goes_on_where_another_stopped(data: bytes, stop: int) -> None:
    whole = answer([data])
    if isinstance(whole, str):
        return
    reader = Reader([data])
    before: list[Frame] = []
    for frame in reader:
        before.append(frame)
        if len(before) > stop:
            break
    state = json.loads(json.dumps(reader.state()))
    after = list(Reader([data[state["offset"] :]], state=state)) if len(before) < len(whole) else []
    assert before + after == whole


@settings(max_examples=200, deadline=None)
@given(STREAMS)
def test_every_set_can_be_cut_out_and_split_again(data: bytes) -> None:
    found = answer([data])
    if isinstance(found, str):
        return
    separators = None
    for frame in found:
        if isinstance(frame, InterchangeOpened):
            separators = frame.separators
        elif isinstance(frame, SetFramed) and separators is not None:
            assert rows_of(data[frame.offset : frame.offset + frame.size], separators)[1:] == frame.rows[1:]


def test_a_file_of_many_windows_is_read_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "WINDOW", 4096)
    reader = Reader(an_interchange(number=f"{n:09d}").encode() for n in range(1, 400))
    longest = 0
    for frame in reader:
        longest = max(longest, len(reader._source.text))
        assert not isinstance(frame, Skipped)
    assert longest < 4 * 4096


@pytest.mark.parametrize("margins", [("\n", "\n  ", "\n"), ("", "", "\n"), ("\n  ", "\n    ", "\n")])
def test_a_set_ends_at_its_own_trailer_however_lines_are_indented(margins: tuple[str, ...]) -> None:
    text = an_interchange([a_group([a_set(number=f"{n:04}") for n in range(1, 6)])])
    segments = text.removesuffix("~").split("~")
    written = "".join(f"{segment}~{margins[i % len(margins)]}" for i, segment in enumerate(segments))
    found = sets(frames(written))
    assert [one.rows for one in found] == [rows(a_set(number=f"{n:04}")) for n in range(1, 6)]
