"""`/docs`: the API's reference for people, made from its OpenAPI document; one page, no script, nothing from afar."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, PlainTextResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

METHODS = ("get", "post", "put", "patch", "delete")
_pages = Environment(loader=PackageLoader("gateway.api", ""), autoescape=True, undefined=StrictUndefined)


@dataclass(frozen=True, slots=True)
class Operation:
    """One request the API answers."""

    tag: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[dict[str, Any]]
    request: str | None  # an example, as JSON
    answer: str | None


def install(app: FastAPI) -> None:
    """Add the page and its style sheet."""
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'self'", "X-Content-Type-Options": "nosniff"}

    @app.get("/docs", include_in_schema=False, response_class=HTMLResponse)
    def page() -> HTMLResponse:
        said = app.openapi()
        template = _pages.get_template("reference.html")
        return HTMLResponse(template.render(info=said["info"], operations=list(operations(said))), headers=headers)

    @app.get("/docs/style.css", include_in_schema=False)
    def style() -> PlainTextResponse:
        sheet = resources.files("gateway.api").joinpath("reference.css").read_text("utf-8")
        return PlainTextResponse(sheet, media_type="text/css", headers=headers)


def operations(said: Mapping[str, Any]) -> Iterator[Operation]:
    """Every operation of an OpenAPI document, with an example of what is sent and answered."""
    schemas = said["components"]["schemas"]
    for path, methods in said["paths"].items():
        for method in METHODS:
            if (one := methods.get(method)) is None:
                continue
            good: Mapping[str, Any] = next(
                (answer for status, answer in one["responses"].items() if status.startswith("2")), {}
            )
            yield Operation(
                one.get("tags", ["other"])[0],
                method.upper(),
                path,
                one["summary"],
                one.get("description", ""),
                one.get("parameters", []),
                _example(one.get("requestBody", {}), schemas),
                _example(good, schemas),
            )


def _example(content: Mapping[str, Any], schemas: Mapping[str, Any]) -> str | None:
    body = content.get("content", {}).get("application/json")
    if not body or not body.get("schema"):
        return None
    return json.dumps(example(body["schema"], schemas), indent=2, ensure_ascii=False)


def example(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A value of a schema: its own example where it gives one, else made of its parts'."""
    if schema.get("examples"):
        return schema["examples"][0]
    if "$ref" in schema:
        return example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for way in schema.get("anyOf", ()):
        if way.get("type") != "null":
            return example(way, schemas)
    match schema.get("type"):
        case "object":
            return {name: example(part, schemas) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [example(schema["items"], schemas)]
        case "boolean":
            return schema.get("default", False)
    return schema.get("default")
