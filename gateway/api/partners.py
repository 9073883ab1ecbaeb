"""The internal API for profiles: who we trade with, every line in force with its origin, a new revision with a diff."""

from __future__ import annotations

from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from gateway.api.door import Admin, Reader, Used
from gateway.api.problems import RESPONSES, Problem, not_found
from gateway.partners.book import Book
from gateway.partners.faults import ProfileFaults
from gateway.partners.loading import NAME
from gateway.pipeline import revisions
from gateway.pipeline.revisions import Outdated

router = APIRouter(prefix="/v1/partners", tags=["partners"], responses=RESPONSES)

YAML = "application/yaml"
EXAMPLE = {"files": {"partner.yaml": 'name: Pine Street\nids:\n  x12: ["ZZ:PINESTREET"]\n'}}


class PartnerShape(BaseModel):
    """One partner, in short."""

    name: str = Field(examples=["harbor-pine"])
    title: str = Field(description="The name people know it by.", examples=["Harbor & Pine"])
    revision: str = Field(description="Of its own files; give it as If-Match with a change.", examples=["9f2c41d07be3"])
    agreements: list[str] = Field(description="In the lane of your key.", examples=[["in x12/004010/850"]])


class LineShape(BaseModel):
    """One line in force, and who said it."""

    key: str = Field(examples=["acknowledge.within"])
    value: str = Field(examples=["1h"])
    layer: str = Field(description="standard, company, industry, partner or agreement", examples=["partner"])
    file: str = Field(examples=["partners/harbor-pine/partner.yaml"])
    line: int = Field(examples=[15])
    why: str = Field(description="The comment behind it.", examples=["their guide p. 6; retail says 4h"])


class AgreementShape(BaseModel):
    """One agreement with every line that holds."""

    name: str = Field(examples=["harbor-pine/orders"])
    direction: str = Field(examples=["in"])
    document: str = Field(examples=["x12/004010/850"])
    lane: str = Field(examples=["production"])
    lines: list[LineShape]


class ProfileShape(PartnerShape):
    """One partner whole: its files as they were published, and what they come to."""

    files: dict[str, str] = Field(
        description="Name in the partner's folder -> YAML or CSV as it was written.", examples=[EXAMPLE["files"]]
    )
    in_force: list[AgreementShape]


class PutPartner(BaseModel):
    """A partner's files. They take the place of all it has; a file left out is taken away."""

    files: dict[str, str] = Field(min_length=1, examples=[EXAMPLE["files"]])


class ChangeShape(BaseModel):
    """What a publication does to one file."""

    file: str = Field(examples=["partners/pine-street/partner.yaml"])
    how: str = Field(examples=["changed"], description="new, changed or gone")
    diff: list[str] = Field(
        description="Unified, without its head.",
        examples=[["-  acknowledge: {within: 4h}", "+  acknowledge: {within: 1h}"]],
    )


class PutShape(BaseModel):
    """What became of a change."""

    name: str = Field(examples=["pine-street"])
    revision: str = Field(examples=["9f2c41d07be3"])
    published: bool = Field(description="False: a dry run, or it held already.", examples=[True])
    changes: list[ChangeShape]


@router.get("", summary="Who we trade with, and on what terms")
def partners(use: Used, who: Reader) -> list[PartnerShape]:
    book = use.house.book()
    return [PartnerShape(**_short(book, name, who.lane)) for name in sorted(book.partners)]


@router.get(
    "/{name}",
    response_model=ProfileShape,
    summary="One partner: its files and every line in force",
    responses={200: {"content": {YAML: {"schema": {"type": "string"}}}}},
)
def one_partner(name: str, request: Request, use: Used, who: Reader) -> Response:
    """JSON, or with `Accept: application/yaml` the lines in force as YAML, each with its origin behind it."""
    book = use.house.book()
    if name not in book.partners:
        raise not_found("partner", name)
    short = _short(book, name, who.lane)
    headers = {"ETag": f'"{short["revision"]}"'}
    if YAML in request.headers.get("accept", ""):
        return Response(_yaml(book, name), media_type=YAML, headers=headers)
    shape = ProfileShape(**short, files=revisions.files_of(book.files, name), in_force=_in_force(book, name))
    return JSONResponse(shape.model_dump(), headers=headers)


@router.put(
    "/{name}",
    response_model=PutShape,
    summary="Publish a partner's files as a new revision",
    responses={
        201: {"model": PutShape, "description": "The partner is new"},
        412: {"description": "Somebody changed it since you read it"},
        428: {"description": "If-Match is missing"},
    },
)
def put_partner(
    name: str,
    body: PutPartner,
    use: Used,
    who: Admin,
    if_match: Annotated[str | None, Header(description="The ETag you read; not needed for a new partner.")] = None,
    dry_run: Annotated[bool, Query(description="Say what would change and publish nothing.")] = False,
) -> Response:
    """Everything is read again before anything is published. The same files again change nothing and are no conflict.
    Faults are answered with file, line, what is wrong and what to write, as `gateway check` says them.
    """
    if not NAME.fullmatch(name) or name == "industries":
        detail = "Use small letters, digits and dashes, e.g. blue-ridge."
        raise Problem(422, "bad-name", "This is no name for a partner", detail)
    read_at = if_match.strip().removeprefix("W/").strip('"') if if_match else None
    try:
        done = revisions.put(use.store, name, body.files, by=who.name, read_at=read_at, dry_run=dry_run)
    except Outdated as error:
        raise _conflict(name, read_at, error.now) from None
    except ProfileFaults as error:
        faults = [{"file": f.file, "line": f.line, "text": f.text, "remedy": f.remedy} for f in error.faults]
        detail = "Nothing was published. Each fault says what to write instead."
        raise Problem(422, "profile-faults", "The files have faults", detail, instance=name, faults=faults) from None
    shape = PutShape(
        name=name,
        revision=done.revision,
        published=done.published,
        changes=[ChangeShape(file=c.file, how=c.how, diff=list(c.diff)) for c in done.changes],
    )
    status = 201 if done.fresh and done.published else 200
    return JSONResponse(shape.model_dump(), status, headers={"ETag": f'"{done.revision}"'})


def _conflict(name: str, read_at: str | None, now: str | None) -> Problem:
    headers = {"ETag": f'"{now}"'} if now else {}
    if read_at is None:
        detail = "It exists: read it, and give its ETag as If-Match, so that nobody's change is lost."
        return Problem(
            428, "if-match-missing", "Say which revision you changed", detail, instance=name, headers=headers
        )
    detail = "Read it again and make your change there." if now else "There is no such partner; leave If-Match out."
    return Problem(
        412, "changed-meanwhile", "This is not the revision that holds", detail, instance=name, headers=headers
    )


def _short(book: Book, name: str, lane: str) -> dict[str, Any]:
    mine = [a for a in book.agreements.values() if a.partner == name and a.lane == lane]
    return {
        "name": name,
        "title": book.partners[name].name,
        "revision": revisions.revision(book.files, name) or "",
        "agreements": sorted(f"{a.direction} {a.document}" for a in mine),
    }


def _in_force(book: Book, name: str) -> list[AgreementShape]:
    lines: dict[str, list[LineShape]] = {}
    for one in revisions.lines_in_force(book, name):
        said = LineShape(key=one.key, value=one.value, layer=one.layer, file=one.file, line=one.line, why=one.why)
        lines.setdefault(one.agreement, []).append(said)
    shapes = []
    for agreement_name, said_lines in lines.items():
        agreement = book.agreements[agreement_name]
        shapes.append(
            AgreementShape(
                name=agreement_name,
                direction=agreement.direction,
                document=str(agreement.document),
                lane=agreement.lane,
                lines=said_lines,
            )
        )
    return shapes


def _yaml(book: Book, name: str) -> str:
    """The lines in force, a dotted key a line, each with its origin as a comment."""
    out = []
    current = ""
    for one in revisions.lines_in_force(book, name):
        if one.agreement != current:
            current = one.agreement
            out.append(f"{current}:")
        value = yaml.safe_dump(one.value, default_flow_style=True, allow_unicode=True, width=10_000)
        origin = f"{one.layer}, {one.file}:{one.line}" + (f" ({one.why})" if one.why else "")
        out.append(f"  {one.key}: {value.removesuffix(chr(10)).removesuffix('...').strip()}  # {origin}")
    return "\n".join(out) + "\n"
