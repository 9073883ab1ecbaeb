"""An inspection as one line of JSON, written while the file is read: a file of any size needs no memory for its report.

Verdicts stand behind what they sum up, because they are known only then; to a JSON reader the order means nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO
from json import dumps
from json.encoder import encode_basestring_ascii as quoted
from typing import TextIO

from gateway.formats.file import Inspected
from gateway.formats.finding import Finding
from gateway.formats.report import (
    Closed,
    GroupReport,
    InterchangeReport,
    Opened,
    SetReport,
    Verdict,
    at_file_level,
)
from gateway.formats.words import Names, as_plain
from gateway.formats.x12.answers import ANSWERING, Answer, answer_of_ta1, answers_of

FLUSH = 500  # pieces


def write(name: str, file: Inspected, out: TextIO) -> Verdict:
    """Write one file's object and a line end."""
    pieces = [f'{{"file": {quoted(name)}, "format": {quoted(file.format)}, "interchanges": [']
    verdict = Verdict.ACCEPT
    found: list[Finding] = []
    interchange = group = document = ""  # what separates the next one from the one before
    for event in file.events():
        if isinstance(event, SetReport):
            findings = findings_json(event.findings, file.names) if event.findings else "[]"
            answers = answers_json(answers_of(event.rows), file.names) if event.set in ANSWERING else ""
            pieces.append(
                f'{document}{{"set": {quoted(event.set)}, "control_number": {quoted(event.control_number)}, '
                f'"verdict": "{event.verdict}", "segments": {event.segments}, "findings": {findings}{answers}}}'
            )
            document = ", "
        elif isinstance(event, Opened):
            if isinstance(event.report, InterchangeReport):
                pieces.append(f"{interchange}{_opened_interchange(event.report)}")
                interchange, group = ", ", ""
            else:
                pieces.append(f"{group}{_opened_group(event.report)}")
                group, document = ", ", ""
        elif isinstance(event, Closed):
            findings = findings_json(event.report.findings, file.names)
            answers = ""
            if isinstance(event.report, InterchangeReport) and event.report.answers:
                answers = answers_json(map(answer_of_ta1, event.report.answers), file.names)
            pieces.append(f'], "verdict": "{event.report.verdict}", "findings": {findings}{answers}}}')
        else:
            found.append(event)
        verdict = at_file_level(verdict, event)
        if len(pieces) > FLUSH:
            out.write("".join(pieces))
            pieces.clear()
    pieces.append(f'], "verdict": "{verdict}", "findings": {findings_json(found, file.names)}}}\n')
    out.write("".join(pieces))
    return verdict


def text(name: str, file: Inspected) -> str:
    """One file's object as text."""
    out = StringIO()
    write(name, file, out)
    return out.getvalue()


def _opened_interchange(report: InterchangeReport) -> str:
    return (
        f'{{"sender": {quoted(report.sender)}, "receiver": {quoted(report.receiver)}, '
        f'"control_number": {quoted(report.control_number)}, "version": {quoted(report.version)}, "groups": ['
    )


def _opened_group(report: GroupReport) -> str:
    return (
        f'{{"functional_id": {quoted(report.functional_id)}, "control_number": {quoted(report.control_number)}, '
        f'"version": {quoted(report.version)}, "documents": ['
    )


def findings_json(findings: Iterable[Finding], names: Names) -> str:
    """Findings as a JSON list, with their sentences."""
    return dumps([as_plain(finding, names) for finding in findings])


def answers_json(answers: Iterable[Answer], names: Names) -> str:
    """What a 997, 999, 824 or TA1 says of documents of ours; only these have the key."""
    said = [
        {
            "outcome": answer.outcome,
            "about": answer.about,
            "set": answer.set_id,
            "control_number": answer.set_control_number,
            "functional_id": answer.functional_id,
            "group_control_number": answer.group_control_number,
            "interchange_control_number": answer.interchange_control_number,
            "reference": answer.reference,
            "findings": [as_plain(finding, names) for finding in answer.findings],
        }
        for answer in answers
    ]
    return f', "answers": {dumps(said)}'
