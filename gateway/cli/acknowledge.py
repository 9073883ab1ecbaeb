"""`gateway acknowledge`: the answer a file deserves, to stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.inspect import chunks_of
from gateway.cli.stop import Stop
from gateway.formats.detect import Format
from gateway.formats.edifact.acknowledge import Received, control
from gateway.formats.file import Inspected
from gateway.formats.report import Closed, Event, GroupReport, InterchangeReport, Opened, SetReport, Verdict
from gateway.formats.x12.acknowledge import (
    AnswerNumbers,
    Detail,
    GroupOutcome,
    SetOutcome,
    answer_interchange,
    interchange_acknowledgement,
)

app = typer.Typer(add_completion=False)


class Kind(StrEnum):
    """What to answer with."""

    FUNCTIONAL = "997"
    IMPLEMENTATION = "999"
    INTERCHANGE = "TA1"
    CONTROL = "CONTRL"


@app.command()
def acknowledge(
    file: Annotated[str, typer.Argument(help="The file to answer; - is stdin.")],
    kind: Annotated[
        Kind | None, typer.Option("--as", help="Default: what the file's standard and release ask for.")
    ] = None,
    detail: Annotated[Detail, typer.Option(help="How much a 997 or 999 says of its sets.")] = Detail.ALL,
    control_number: Annotated[int, typer.Option(min=1, max=999_999_999, help="Of our first interchange.")] = 1,
    group_number: Annotated[int, typer.Option(min=1, max=999_999_999, help="Of our first group.")] = 1,
    at: Annotated[datetime | None, typer.Option(help="When the answer is made. Default: now, UTC.")] = None,
) -> None:
    """Write the acknowledgement a file deserves: one interchange for each of its interchanges.

    An interchange that is refused as a whole gets a TA1 alone; one that only holds acknowledgements gets nothing.
    """
    when = at or datetime.now(UTC)
    if file == "-":
        answers = list(
            _answers(Inspected(chunks_of(sys.stdin.buffer)), kind, detail, control_number, group_number, when)
        )
    else:
        try:
            with Path(file).open("rb") as stream:
                inspected = Inspected(chunks_of(stream))
                answers = list(_answers(inspected, kind, detail, control_number, group_number, when))
        except OSError as error:
            raise Stop(f"{file}: {error.strerror}") from error
    if not answers:
        print("gateway: nothing in this file is to be answered", file=sys.stderr)
    for answer in answers:
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


def _answers(
    file: Inspected, kind: Kind | None, detail: Detail, control_number: int, group_number: int, when: datetime
) -> Iterator[bytes]:
    if file.format not in (Format.X12, Format.EDIFACT):
        what = "no document we can read" if file.format is Format.UNKNOWN else file.format.upper()
        raise Stop(f"only X12 and EDIFACT are acknowledged; this is {what}. `gateway inspect` says more")
    if (kind is Kind.CONTROL) is not (file.format is Format.EDIFACT) and kind is not None:
        raise Stop(f"a {kind} does not answer {file.format}")
    interchanges, groups = count(control_number), count(group_number)
    for received in _received(file.events()):
        if file.format is Format.EDIFACT:
            answer = control(received, str(next(interchanges)), when)
        else:
            answer = _x12(received, kind, detail, interchanges, groups, when)
        if answer is not None:
            yield answer


def _received(events: Iterable[Event]) -> Iterator[Received]:
    """Each interchange that has a header, once it is complete."""
    received = Received(InterchangeReport("", "", "", ""))
    for event in events:
        match event:
            case Opened(InterchangeReport() as report):
                received = Received(report)
            case Opened(GroupReport() as report):
                received.groups.append((report, []))
            case SetReport() if received.groups:
                received.groups[-1][1].append(event)
            case Closed(InterchangeReport() as report) if report.header:
                yield received


def _x12(
    received: Received,
    kind: Kind | None,
    detail: Detail,
    interchanges: Iterator[int],
    groups: Iterator[int],
    when: datetime,
) -> bytes | None:
    interchange = received.interchange
    rejected = interchange.verdict is Verdict.REJECT
    groups_in = [_outcome(*group) for group in received.groups]
    outcomes = [] if rejected or kind is Kind.INTERCHANGE else groups_in
    answered = [outcome for outcome in outcomes if outcome.gs and not outcome.is_acknowledgement]
    asked = len(interchange.header) > 14 and interchange.header[14].strip() == "1"
    ta1 = None
    if rejected or asked or kind is Kind.INTERCHANGE:
        ta1 = interchange_acknowledgement(interchange.header, interchange.findings, groups_in)
    if not answered and ta1 is None:
        return None
    later = answered and all("".join(outcome.gs[8:9]).strip().startswith("005010X") for outcome in answered)
    chosen = kind or (Kind.IMPLEMENTATION if later else Kind.FUNCTIONAL)
    return answer_interchange(
        interchange.header,
        answered,
        AnswerNumbers(next(interchanges), [next(groups) for _ in answered]),
        when,
        kind="999" if chosen is Kind.IMPLEMENTATION else "997",
        detail=detail,
        ta1=ta1,
    )


def _outcome(group: GroupReport, reports: list[SetReport]) -> GroupOutcome:
    sets = [SetOutcome(r.set, r.control_number, r.findings, r.header[3] if len(r.header) > 3 else "") for r in reports]
    return GroupOutcome(group.header, sets, group.trailer or None, tuple(group.findings))
