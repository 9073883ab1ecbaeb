"""The models as a page for people and as JSON Schema for editors: both say what the lint says."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.formats.x12.tolerance import RELAXATIONS
from gateway.partners.agreement import IDENTITY, Agreement
from gateway.partners.company import Company
from gateway.partners.connection import Connection
from gateway.partners.loading import standard
from gateway.partners.partner import Industry, Partner
from gateway.partners.terms import Terms
from gateway.partners.values import Written, write_duration

Wires = Mapping[str, type[Written]]

HEAD = """\
# Profiles

Everything about the companies we trade with is written in YAML under `partners/`. This page is made from the models
that read it (`gateway/partners/`), so it says what `gateway check` says. For your editor, `gateway partner new` writes
the JSON Schemas into `schema/` and names them in the first line of what it makes; they also stand in `docs/schema/`,
and `gateway check --schema partner` prints one (also `company`, `connections`, `industry`, `codes`).

| file | holds |
|---|---|
| `partners/<company>/company.yaml` | us, or a division of ours |
| `partners/<partner>/partner.yaml` | them, and what we agreed on |
| `partners/<either>/connections.yaml` | wires: one peer, one lane each |
| `partners/<partner>/codes.yaml`, `codes/<table>.csv` | what their codes and units mean |
| `partners/<partner>/schemas/*.xsd`, `*.json` | their XSD or JSON Schema, and what it includes |
| `partners/<partner>/answers.yaml` | the same, as people answered it at work items |
| `partners/<either>/systems/*.yaml` | our ERP, CRM, warehouse (docs/connectors.md) |
| `partners/industries/<industry>.yaml` | terms that many partners share |

Names of folders, agreements and connections are small letters, digits and dashes. Every value is text until a model
says otherwise, so `NO`, `01` and `16:00` stay what they are. A duration is a number and `s`, `m`, `h` or `d`. A secret
is never written out: `env:NAME` or `file:/path` names it. `~` says that nothing is meant; a key with nothing behind it
is a fault.

**Layers.** Terms may be said by the standard preset, the company, the industry, the partner and the agreement; the
later one wins, line by line. `like: NAME` in an agreement takes over the lines of another one of the same partner.
`gateway partner explain PARTNER` prints each line in force with its layer, its file and line, and the comment behind
it; with `--maps` also each line of its maps, base and overlay.
"""


CODES = """
## codes.yaml

A partner's own rows, laid over the code tables of the maps its agreements name, row by row. A code the partner gives
another meaning loses the map's. Every row works both ways: the first code of a word is written, all are read.

```yaml
codes:
  unit: {case: CS CA, inner-pack: IP}    # our word: their codes
convert:
  inner-pack: 6 each                     # one of theirs is six of ours
  pack of THROW-2: 12 each               # ... of this article; any identifier of the line names it
```

A long table is better kept as `codes/<table>.csv`: a heading `word,code`, then a row a word (or with `;` or a tab, as
spreadsheets save it); further columns are for people. `gateway partner codes PARTNER` prints the rows in force; with
`--import FILE --table TABLE` it checks a CSV file and puts it into its place.

What nobody named: `codes: {ask: [unit]}` stops a document with an unknown code, `codes: {units: [each]}` one with a
quantity nobody can count. Each is a work item; `gateway answer W-7 "6 each"` (or `POST /v1/exceptions/W-7/answer`)
answers it for the document, the article or the partner. The answer is published as a row of `answers.yaml`, with who
said it and when, and every document that waited for it runs again by itself.
"""


def page(wires: Wires) -> str:
    """docs/profiles.md. `wires`: kind of connection -> what it may say (gateway/channels/table.py)."""
    identity = [(name, field) for name, field in _fields(Agreement) if name in (*IDENTITY, "like")]
    parts = [
        *(HEAD, "## company.yaml\n", *_tables(Company, "", {"terms": Terms})),
        *("\n## partner.yaml\n", *_tables(Partner, "", {"terms": Terms, "agreements": Agreement})),
        *(f"\n## industries/*.yaml\n\n{Industry.__doc__}\n", _table(_fields(Industry))),
        *("\n## Agreement\n", f"{Agreement.__doc__}\n", _table(identity)),
        *("\n## Terms\n", "The third column is what holds unless a layer says otherwise.\n"),
        *(*_tables(Terms, "", {}, _standard()), "\n### Deviations `tolerate.but` can name\n", _deviations()),
        CODES,
        *("## connections.yaml\n", f"{Connection.__doc__}\n", _table(_fields(Connection))),
    ]
    for kind, model in sorted(wires.items()):
        doc = (model.__doc__ or "").splitlines()[0]
        parts += [f"\n### kind: {kind}\n", f"{doc}\n", *_tables(model, "", {})]
    return "\n".join(parts) + "\n"


def _standard() -> dict[str, str]:
    return {path: text for path, text, _ in standard().leaves()}


def _tables(
    model: type[Written], prefix: str, elsewhere: Mapping[str, type[Written]], said: Mapping[str, str] | None = None
) -> Iterator[str]:
    """A table of the model, then one of each model inside it."""
    yield _table(_fields(model), prefix, said, elsewhere)
    for name, field in _fields(model):
        inner = _inner(field.annotation)
        if inner is not None and name not in elsewhere:
            many = "<name>." if typing.get_origin(field.annotation) is dict else ""
            doc = " ".join(line.strip() for line in (inner.__doc__ or "").splitlines()).strip()
            yield f"\n**{prefix}{name}** {doc}\n"
            yield from _tables(inner, f"{prefix}{name}.{many}", {}, said)


def _table(
    fields: Any, prefix: str = "", said: Mapping[str, str] | None = None, elsewhere: Mapping[str, Any] | None = None
) -> str:
    rows = ["| key | means | default | written as |", "|---|---|---|---|"]
    for name, field in fields:
        default = _default(field) if said is None else _code(said.get(f"{prefix}{name}", ""))
        form = "see below" if elsewhere and name in elsewhere else _form(field)
        rows.append(f"| `{prefix}{name}` | {_cell(field.description or '')} | {default} | {_cell(form)} |")
    return "\n".join(rows)


def _fields(model: type[Written]) -> list[tuple[str, FieldInfo]]:
    shown = {"terms", "agreements", "like"}
    return [(f.alias or n, f) for n, f in model.model_fields.items() if not f.exclude or n in shown]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**must be said**"
    value = field.get_default(call_default_factory=True) if field.default_factory is None else None
    if value is None or value is PydanticUndefined or value == () or isinstance(value, BaseModel):
        return ""
    if hasattr(value, "total_seconds"):
        return _code(write_duration(value))
    if isinstance(value, bool):
        return _code(str(value).lower())
    return _code(", ".join(map(str, value)) if isinstance(value, tuple) else str(value))


def _form(field: FieldInfo) -> str:
    choices = _choices(field.annotation)
    if choices:
        return " ".join(f"`{choice}`" for choice in choices)
    examples = field.examples or next((m.examples for m in field.metadata if getattr(m, "examples", None)), None)
    if examples:
        return f"e.g. `{examples[0]}`"
    words = {bool: "`true` `false`", int: "a number"}
    return next((word for kind, word in words.items() if field.annotation is kind), "")


def _choices(annotation: Any) -> list[str]:
    if typing.get_origin(annotation) is typing.Literal:
        return list(typing.get_args(annotation))
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) in (typing.Union, tuple, dict):
        return [choice for part in typing.get_args(annotation) for choice in _choices(part)]
    return []


def _inner(annotation: Any) -> type[Written] | None:
    if isinstance(annotation, type) and issubclass(annotation, Written):
        return annotation
    return next((found for part in typing.get_args(annotation) if (found := _inner(part))), None)


def _deviations() -> str:
    rows = ["| name | what is tolerated | strict | standard | lenient |", "|---|---|---|---|---|"]
    for name, rule in sorted(RELAXATIONS.items()):
        rows.append(f"| `{name}` | {rule.sentence} | {rule.strict} | {rule.standard} | {rule.lenient} |")
    return "\n".join(rows)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


FILES = ("company", "partner", "connections", "industry", "codes")
"""The kinds of file that have a schema."""


def schema(file: str, wires: Wires) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one kind of file. `wires`: kind of connection -> what it may say."""
    made = _connections(wires) if file == "connections" else _codes() if file == "codes" else _whole(file)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": file}


def _whole(file: str) -> dict[str, Any]:
    models: dict[str, type[Written]] = {"company": Company, "partner": Partner, "industry": Industry}
    made = models[file].model_json_schema(by_alias=True, mode="validation")
    properties = made["properties"]
    properties.pop("id", None)
    definitions = made.setdefault("$defs", {})
    properties["terms"] = _partial(Terms, definitions)
    if "agreements" in properties:
        agreement = _partial(Agreement, definitions)
        for hidden in ("name", "partner"):
            agreement["properties"].pop(hidden)
        properties["agreements"] = {"type": "object", "additionalProperties": agreement}
    return made


def _connections(wires: Wires) -> dict[str, Any]:
    """Each connection says what its kind of wire may say, and what every one says."""
    common = Connection.model_json_schema(by_alias=True, mode="validation")
    definitions = common.pop("$defs", {})
    for hidden in ("name", "owner", "settings"):
        common["properties"].pop(hidden)
    kinds = []
    for kind, model in sorted(wires.items()):
        made = model.model_json_schema(by_alias=True, mode="validation")
        definitions |= made.pop("$defs", {})
        made["properties"] = {**common["properties"], **made["properties"], "kind": {"const": kind}}
        made["required"] = sorted({*common["required"], *made.get("required", ())})
        kinds.append(made)
    return {"type": "object", "additionalProperties": {"anyOf": kinds}, "$defs": definitions}


def _codes() -> dict[str, Any]:
    rows = {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}
    tables = {"type": "object", "additionalProperties": rows}
    properties = {"codes": tables, "convert": rows}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _partial(model: type[Written], definitions: dict[str, Any]) -> dict[str, Any]:
    """Terms in a layer: each line may be said there or in another one."""
    made = model.model_json_schema(by_alias=True, mode="validation")
    inner = made.pop("$defs", {})
    for definition in (made, *inner.values()):
        definition.pop("required", None)
    properties = made["properties"]
    for key, word in (("tolerate", ["strict", "standard", "lenient"]), ("confirm", ["none"])):
        properties[key] = {"anyOf": [{"enum": word}, properties[key]]}
    definitions.update(inner)
    return made
