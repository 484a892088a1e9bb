"""The schema of a database as values that can be compared: all that its migrations made."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

OF_POSTGRESQL = {
    "columns": """
        SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
            attgenerated, attcollation, pg_get_expr(adbin, adrelid)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = 'public'::regnamespace AND relkind <> 'i' AND attnum > 0 AND NOT attisdropped
        ORDER BY 1, attnum
    """,
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2
    """,
    "triggers": "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
    "functions": """
        SELECT pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' ORDER BY 1
    """,
    "extensions": "SELECT extname, extversion FROM pg_extension ORDER BY 1",
    "migrations": "SELECT app, name FROM django_migrations ORDER BY 1, 2",
}
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


def of_postgresql(url: str) -> dict[str, list[Any]]:
    """Returns the schema, the names of the migrations, and how many rows each other table has."""
    with psycopg.connect(url) as database:
        found = {name: database.execute(query).fetchall() for name, query in OF_POSTGRESQL.items()}
        tables = [table for (table,) in database.execute(TABLES) if table != "django_migrations"]
        counts = [
            (table, database.execute(f"SELECT count(*) FROM {table}").fetchone())
            for table in tables
        ]
    return {**found, "rows": counts}


def of_sqlite(file: Path) -> dict[str, list[Any]]:
    """Returns the schema without the order of the columns, and the names of the migrations."""
    with closing(sqlite3.connect(file)) as database:
        found = database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
        migrations = database.execute("SELECT app, name FROM django_migrations ORDER BY 1, 2")
        return {
            "schema": sorted((*names, _parts(sql or "")) for *names, sql in found),
            "migrations": migrations.fetchall(),
        }


def _parts(sql: str) -> list[str]:
    """Returns a statement without its white space: of a table, what it is made of, sorted.

    SQLite makes an altered table anew, with the columns in another order.
    """
    sql = " ".join(sql.split())
    if not sql.startswith("CREATE TABLE"):
        return [sql]
    head, _, body = sql.partition("(")
    parts, depth = [""], 0
    for character in body.removesuffix(")"):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [head, *sorted(part.strip() for part in parts)]
