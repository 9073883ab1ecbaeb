"""The folders profiles are written in, and a person's PATHs in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from gateway.channels.table import SETTINGS
from gateway.cli.opening import settings
from gateway.cli.stop import Stop
from gateway.partners.book import texts
from gateway.partners.reference import FILES, schema


def folders() -> dict[str, Path]:
    """`partners` and `maps`, as the settings name them."""
    chosen = settings()
    found = {"partners": chosen.partners, "maps": chosen.maps}
    for name, folder in found.items():
        if not folder.is_dir():
            raise Stop(f"{folder} is no folder; run this where {name}/ is, or name it with GATEWAY_{name.upper()}")
    return found


def written() -> dict[str, str]:
    """The texts of both folders, named as a book names them."""
    found = folders()
    return texts(found["partners"], found["maps"])


def write_schemas(folder: Path) -> None:
    """The JSON Schemas of profiles, for editors: a skeleton's first line says where they are."""
    folder.mkdir(exist_ok=True)
    for file in FILES:
        text = json.dumps(schema(file, SETTINGS), indent=1, sort_keys=True)
        (folder / f"{file}.json").write_text(text + "\n", encoding="utf-8")


def shown(name: str) -> str:
    """A book's name for a file, as the path a person can open."""
    root, _, rest = name.partition("/")
    found = folders()
    return str(found[root] / rest) if root in found and rest else name


def chosen_names(paths: Sequence[Path], names: Iterable[str]) -> set[str]:
    """The files that PATHs mean; all of them where none is given. Stop for a PATH outside both folders."""
    if not paths:
        return set(names)
    roots = {name: folder.resolve() for name, folder in folders().items()}
    wanted: set[str] = set()
    for path in paths:
        real = path.resolve()
        holding = [
            PurePosixPath(name, real.relative_to(root)) for name, root in roots.items() if real.is_relative_to(root)
        ]
        inside = [PurePosixPath(name) for name, root in roots.items() if root.is_relative_to(real)]
        if not holding and not inside:
            raise Stop(f"{path} is neither in {' nor in '.join(map(str, folders().values()))}")
        under = tuple(f"{place}/" for place in (*holding, *inside))
        exact = {str(place) for place in holding}
        wanted |= {name for name in names if name in exact or name.startswith(under)}
    return wanted


def wanted(held: Mapping[str, str], paths: Sequence[Path]) -> dict[str, str]:
    """The texts of the new revision: all that is written, or what holds with the chosen files laid over it."""
    files = written()
    if not paths:
        # What people answered at work items stays until the files say otherwise.
        return {name: text for name, text in held.items() if name.endswith("/answers.yaml")} | files
    names = chosen_names(paths, {*files, *held})
    kept = {name: text for name, text in held.items() if name not in names}
    return kept | {name: files[name] for name in names if name in files}
