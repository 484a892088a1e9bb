"""Cached SQL for rows that runs read and write often. Takes and returns model instances like the ORM.

Django's ORM compiles a statement in Python for each query, which takes ten times as long as its
execution. Here each statement is compiled once. Knows no particular model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Field, Model
from django.db.models.expressions import Col

M = TypeVar("M", bound=Model)
if TYPE_CHECKING:
    AnyField = Field[Any, Any]

_ROWS = 50  # rows of one INSERT: with all columns, below every database's limit of parameters


def insert(*rows: Model, on_conflict: str = "") -> None:
    """Inserts rows of one model, and sets their keys if the database generates them."""
    for start in range(0, len(rows), _ROWS):
        batch = rows[start : start + _ROWS]
        model = type(batch[0])
        fields, head, placeholders = _insertion(model, connection.vendor)
        values = [_saved(fields, row, add=True) for row in batch]
        key = model._meta.pk
        generated = key not in fields
        tail = f" {on_conflict}" + (f" RETURNING {key.column}" if generated else "")
        with connection.cursor() as cursor:
            cursor.execute(
                head + ",".join([placeholders] * len(batch)) + tail,
                list(chain.from_iterable(values)),
            )
            if generated:
                for row, (new_key,) in zip(batch, cursor.fetchall(), strict=True):
                    row.pk = new_key
        for row in batch:
            row._state.adding, row._state.db = False, connection.alias


def save(row: Model, *names: str, returning: str = "", values: Sequence[Any] = ()) -> Any:
    """Updates the fields `names` of an existing row. Returns the value of the expression `returning`, if
    there is one, whose `%s` the `values` fill.
    """
    fields, statement = _update(type(row), names)
    if returning:
        statement = f"{statement} RETURNING {returning}"
    with connection.cursor() as cursor:
        keys = [_key(value) for value in (row.pk, *values)]
        cursor.execute(statement, [*_saved(fields, row, add=False), *keys])
        return cursor.fetchall()[0][0] if returning else None


def lock(table: str, key: Any) -> None:
    """Has other transactions that lock the row wait for the end of this one; those that refer to it do not.
    SQLite has one writer at a time anyway.
    """
    if connection.features.has_select_for_no_key_update:
        rows(f"SELECT id FROM {table} WHERE id = %s FOR NO KEY UPDATE", key)


def select(
    model: type[M],
    where: str,
    *values: Any,
    lock: bool = False,
    cut: tuple[tuple[str, int], ...] = (),
) -> list[M]:
    """Returns the rows that match `where`: SQL, with ORDER BY and LIMIT if needed. `values` fill its
    `%s`. `lock`: until the transaction ends. `cut`: columns of which only so many characters are read; such
    rows are not to be saved.
    """
    names, statement, converters = _selection(model, connection.vendor, cut)
    tail = " FOR UPDATE" if lock and connection.features.has_select_for_update else ""
    with connection.cursor() as cursor:
        cursor.execute(f"{statement} WHERE {where}{tail}", [_key(value) for value in values])
        rows = cursor.fetchall()
    return [model.from_db(connection.alias, names, _read(row, converters)) for row in rows]


def get(model: type[M], key: Any, *, lock: bool = False) -> M:
    """Returns the row with this key. It must exist. `lock`: until the transaction ends."""
    (row,) = select(model, f"{model._meta.pk.column} = %s", key, lock=lock)
    return row


def select_related(
    model: type[M], related: tuple[str, ...], where: str, *values: Any, order: str
) -> list[M]:
    """As `select`, with the rows that the foreign keys `related` point to, in one statement.

    A path such as `session__project` comes after `session`. `where` knows the columns of `model` only.
    """
    parts, columns, joins = _joined(model, related, connection.vendor)
    table = f"(SELECT * FROM {model._meta.db_table} WHERE {where}) base"
    with connection.cursor() as cursor:
        keys = [_key(value) for value in values]
        cursor.execute(f"SELECT {columns} FROM {table} {joins} ORDER BY base.{order}", keys)
        found = cursor.fetchall()
    return [cast("M", _assembled(row, parts)) for row in found]


def column(query: str, *values: Any) -> list[Any]:
    """Returns the first column of the query's rows, without conversion."""
    return [row[0] for row in rows(query, *values)]


def rows(query: str, *values: Any) -> list[tuple[Any, ...]]:
    """Returns the query's rows, without conversion."""
    with connection.cursor() as cursor:
        cursor.execute(query, [_key(value) for value in values])
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _key(value: Any) -> Any:
    """Returns a UUID or a time in the form that the database stores, any other value unchanged."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
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
    return fields, statement  # type: ignore[return-value]  # concrete fields have columns


def _saved(fields: Sequence[AnyField], row: Model, *, add: bool) -> list[Any]:
    database = connections[DEFAULT_DB_ALIAS]  # not `connection`, which looks it up each time
    return [field.get_db_prep_save(field.pre_save(row, add), database) for field in fields]


@dataclass(frozen=True, slots=True)
class _Part:
    """The columns of a joined row that are one of its models. `path`: from the first one to it."""

    path: tuple[str, ...]
    model: type[Model]
    columns: slice
    key: int  # the place of its primary key


@cache
def _joined(
    model: type[Model], related: tuple[str, ...], vendor: str
) -> tuple[list[_Part], str, str]:
    aliases, joins = {"": "base"}, []
    models: dict[str, Any] = {"": model}
    for path in related:
        owner, _, name = path.rpartition("__")
        field: Any = models[owner]._meta.get_field(name)
        models[path], aliases[path] = field.related_model, f"r{len(aliases)}"
        table, key = models[path]._meta.db_table, models[path]._meta.pk.column
        on = f"{aliases[path]}.{key} = {aliases[owner]}.{field.column}"
        joins.append(f"LEFT JOIN {table} {aliases[path]} ON {on}")
    parts: list[_Part] = []
    columns: list[str] = []
    for path, of_path in models.items():
        fields = of_path._meta.local_concrete_fields
        span = slice(len(columns), len(columns) + len(fields))
        key = span.start + fields.index(of_path._meta.pk)
        parts.append(_Part(tuple(filter(None, path.split("__"))), of_path, span, key))
        columns += [f"{aliases[path]}.{field.column}" for field in fields]
    return parts, ", ".join(columns), " ".join(joins)


def _assembled(row: Sequence[Any], parts: Sequence[_Part]) -> Model:
    rows: dict[tuple[str, ...], Model] = {}
    for part in parts:
        if row[part.key] is None:
            continue
        names, _, converters = _selection(part.model, connection.vendor)
        values = _read(row[part.columns], converters)
        rows[part.path] = part.model.from_db(connection.alias, names, values)
        if part.path:
            setattr(rows[part.path[:-1]], part.path[-1], rows[part.path])
    return rows[()]


Converter = Callable[[Any, Any, Any], Any]


@cache
def _selection(
    model: type[Model], vendor: str, cut: tuple[tuple[str, int], ...] = ()
) -> tuple[list[str], str, list[tuple[int, Col, list[Converter]]]]:
    fields = model._meta.local_concrete_fields
    converters = []
    for index, field in enumerate(fields):
        column = field.get_col(model._meta.db_table)  # a foreign key's has the type of its target
        of_column = [
            *connection.ops.get_db_converters(column),
            *column.get_db_converters(connection),
        ]
        if of_column:
            converters.append((index, column, of_column))
    limits = {name: f"substr({name}, 1, {limit}) AS {name}" for name, limit in cut}
    columns = ", ".join(limits.get(str(field.column), str(field.column)) for field in fields)
    statement = f"SELECT {columns} FROM {model._meta.db_table}"
    return [field.attname for field in fields], statement, converters


def _read(row: Sequence[Any], converters: list[tuple[int, Col, list[Converter]]]) -> list[Any]:
    values = list(row)
    for index, column, of_column in converters:
        for convert in of_column:
            values[index] = convert(values[index], column, connection)
    return values
