"""Counts what this process reads from its SQLite database: statements, rows, and characters in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection


@dataclass
class Reading:
    statements: int = 0
    rows: int = 0
    characters: int = 0


@contextmanager
def counted() -> Iterator[Reading]:
    found = Reading()

    def count_statement(execute: Any, *args: Any) -> Any:
        found.statements += 1
        return execute(*args)

    def count_row(_: Any, row: tuple[Any, ...]) -> tuple[Any, ...]:
        found.rows += 1
        found.characters += sum(len(value) for value in row if isinstance(value, str))
        return row

    connection.ensure_connection()
    connection.connection.row_factory = count_row
    try:
        with connection.execute_wrapper(count_statement):
            yield found
    finally:
        connection.connection.row_factory = None
