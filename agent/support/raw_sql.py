"""Rows that runs read and write again and again, past the ORM's compiler. Knows no model and no rule.

Django builds a statement anew each time, in Python, which takes ten times as long as to carry it out;
here each is built once. It takes and gives whole model instances, and converts as the ORM does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Field, Model
from django.db.models.expressions import Col

M = TypeVar("M", bound=Model)
if TYPE_CHECKING:
    AnyField = Field[Any, Any]

_ROWS = 50  # in one INSERT; times their columns that stays below every database's limit


def insert(*rows: Model, on_conflict: str = "") -> None:
    """Adds rows of one model; gives them their keys when the database makes those."""
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        model = type(part[0])
        fields, head, row = _insertion(model, connection.vendor)
        values = [_saved(fields, one, add=True) for one in part]
        key = model._meta.pk
        generated = key not in fields
        tail = f" {on_conflict}" + (f" RETURNING {key.column}" if generated else "")
        with connection.cursor() as cursor:
            cursor.execute(
                head + ",".join([row] * len(part)) + tail, list(chain.from_iterable(values))
            )
            if generated:
                for one, (made,) in zip(part, cursor.fetchall(), strict=True):
                    one.pk = made
        for one in part:
            one._state.adding, one._state.db = False, connection.alias


def save(row: Model, *names: str) -> None:
    """Writes these fields of a row that is there."""
    fields, statement = _update(type(row), names)
    with connection.cursor() as cursor:
        cursor.execute(statement, [*_saved(fields, row, add=False), _key(row.pk)])


def select(model: type[M], where: str, *values: Any) -> list[M]:
    """Returns the rows for which `where`, SQL that may order too, holds; `values` fill its `%s`."""
    names, statement, converters = _selection(model, connection.vendor)
    with connection.cursor() as cursor:
        cursor.execute(f"{statement} WHERE {where}", [_key(value) for value in values])
        found = cursor.fetchall()
    return [model.from_db(connection.alias, names, _read(row, converters)) for row in found]


def get(model: type[M], key: Any) -> M:
    """Returns the row with this key, which must be there."""
    (row,) = select(model, f"{model._meta.pk.column} = %s", key)
    return row


def column(query: str, *values: Any) -> list[Any]:
    """Returns the first column of what `query` finds, as the database has it."""
    with connection.cursor() as cursor:
        cursor.execute(query, [_key(value) for value in values])
        return [row[0] for row in cursor.fetchall()]


def _key(value: Any) -> Any:
    """Returns `value` as the database at hand keeps it, if that is a UUID."""
    if isinstance(value, UUID) and not connection.features.has_native_uuid_field:
        return value.hex
    return value


@cache
def _insertion(model: type[Model], vendor: str) -> tuple[list[AnyField], str, str]:
    fields = [
        field
        for field in model._meta.local_concrete_fields
        if not (field.primary_key and field.db_returning)
    ]
    columns = ", ".join(str(field.column) for field in fields)
    head = f"INSERT INTO {model._meta.db_table} ({columns}) VALUES "
    return fields, head, f"({','.join(['%s'] * len(fields))})"


@cache
def _update(model: type[Model], names: tuple[str, ...]) -> tuple[list[AnyField], str]:
    fields = [model._meta.get_field(name) for name in names]
    columns = ", ".join(f"{field.column} = %s" for field in fields)  # type: ignore[union-attr]
    statement = f"UPDATE {model._meta.db_table} SET {columns} WHERE {model._meta.pk.column} = %s"
    return fields, statement  # type: ignore[return-value]  # concrete ones have columns


def _saved(fields: Sequence[AnyField], row: Model, *, add: bool) -> list[Any]:
    here = connections[DEFAULT_DB_ALIAS]  # not the proxy of it, which looks it up each time
    return [field.get_db_prep_save(field.pre_save(row, add), here) for field in fields]


Converter = Callable[[Any, Any, Any], Any]


@cache
def _selection(
    model: type[Model], vendor: str
) -> tuple[list[str], str, list[tuple[int, Col, list[Converter]]]]:
    fields = model._meta.local_concrete_fields
    converters = []
    for place, field in enumerate(fields):
        column = field.get_col(
            model._meta.db_table
        )  # of a foreign key: with the type that it leads to
        found = [
            *connection.ops.get_db_converters(column),
            *column.get_db_converters(connection),
        ]
        if found:
            converters.append((place, column, found))
    columns = ", ".join(str(field.column) for field in fields)
    statement = f"SELECT {columns} FROM {model._meta.db_table}"
    return [field.attname for field in fields], statement, converters


def _read(row: Sequence[Any], converters: list[tuple[int, Col, list[Converter]]]) -> list[Any]:
    values = list(row)
    for place, column, of_column in converters:
        for convert in of_column:
            values[place] = convert(values[place], column, connection)
    return values
