"""`among(column)`: the column is one of any number of values, which travel as one parameter.

An IN (...) with a place for each value is another statement for each number of values: SQLAlchemy writes it anew every
time, and PostgreSQL plans it anew. Here a statement is always the same text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Boolean, Column, Dialect, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Text, TypeDecorator, TypeEngine


class _Many(TypeDecorator[Any]):
    """A list of values: an array on PostgreSQL, a JSON text on SQLite."""

    impl = Text
    cache_ok = True

    def __init__(self, of: TypeEngine[Any]) -> None:
        super().__init__()
        self.of = of

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(self.of))

    def process_bind_param(self, value: Iterable[Any] | None, dialect: Dialect) -> Any:
        values = list(value or ())
        return json.dumps(values) if dialect.name == "sqlite" else values


class among(FunctionElement[bool]):
    """True where the column is one of the values bound under this name."""

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: Column[Any], name: str = "among") -> None:
        super().__init__(column, bindparam(name, type_=_Many(column.type)))

    def self_group(self, against: Any = None) -> among:
        """A condition as it stands: as `... = 1`, which SQLite is given for other booleans, it would use no index."""
        return self


@compiles(among, "sqlite")
def _of_json(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - our names


@compiles(among, "postgresql")
def _of_array(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY({values})"
