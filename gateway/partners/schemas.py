"""A partner's own schemas: compiled once, and looked at when the profiles are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from gateway.formats.schema import SchemaFault
from gateway.mapping import Library, MapFaults
from gateway.mapping.steps import Judges
from gateway.partners.agreement import Agreement
from gateway.partners.faults import Fault, nearest
from gateway.partners.loading import Loaded, schema_files
from gateway.partners.reading import Node

KINDS = {"xml": ".xsd", "json": ".json"}


@lru_cache(maxsize=256)
def compiled(name: str, files: frozenset[tuple[str, str]]) -> Judges:
    """The schema of this name among the files of its folder. Raises SchemaFault."""
    if name.endswith(".xsd"):
        from gateway.formats.xml.schema import XmlSchema

        return XmlSchema(name, dict(files))
    from gateway.formats.jsonfile.schema import JsonSchema  # a tenth of a second that most commands do not need

    return JsonSchema(name, dict(files))


def schema_faults(said: Loaded, agreement: Agreement, lines: Node, library: Library) -> Iterator[Fault]:
    """A schema that is not there, cannot be used, or is for another document."""
    name, standard = agreement.judged_by, agreement.document.standard
    if name is None:
        return
    place, suffix = lines.at(("schema",)), KINDS.get(standard)
    files = schema_files(agreement.partner, said.files)
    if suffix is None or agreement.map is None:
        what = "our own JSON" if agreement.map is None and standard == "json" else f"a {standard} document"
        yield place.fault(f"nothing judges {what} by a schema", "take the line away; schemas are for XML and JSON")
        return
    if not name.endswith(suffix):
        yield place.fault(f"`{name}` is no schema for {standard}", f"name a file that ends in {suffix}")
    elif name not in files:
        remedy = f"put it into partners/{agreement.partner}/schemas/; " + nearest(name, files)
        yield place.fault(f"there is no schema `{name}`", remedy)
    else:
        try:
            schema = compiled(name, frozenset(files.items()))
            begins = library.map(agreement.map).begins if f"{agreement.map}.yaml" in library.files else ""
        except SchemaFault as fault:
            yield Fault(f"partners/{agreement.partner}/schemas/{fault.file}", fault.line, fault.text, fault.remedy)
        except MapFaults:
            return  # said elsewhere
        else:
            roots = getattr(schema, "roots", frozenset([begins]))
            if begins and begins not in roots:
                known = ", ".join(sorted(roots))
                text = f"`{name}` declares no element {begins}, which a document of {agreement.map} is"
                yield place.fault(text, f"declare it at the top of the schema; there are {known}")
