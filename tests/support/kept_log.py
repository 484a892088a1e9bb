"""Puts events of a test's own into the log of a server's session, past the server. Only on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from tests.support.server import ServerProcess

Row = tuple[int, str, str | None, str]


def keep(server: ServerProcess, rows: Sequence[Row]) -> None:
    """Adds events to the session's log: seq, type, run and body of each."""
    with closing(sqlite3.connect(server.var / "db.sqlite3", timeout=20)) as database, database:
        session = server.session.replace("-", "")
        (user,) = database.execute("SELECT id FROM auth_user WHERE username = 'alice'").fetchone()
        for seq, type, run, body in rows:
            key = run.replace("-", "") if run else None
            if (
                key
                and not database.execute("SELECT 1 FROM agent_run WHERE id = ?", [key]).fetchone()
            ):
                _keep_run(database, session, key, user)
            database.execute(
                "INSERT INTO agent_event (session_id, seq, run_id, type, body) VALUES (?,?,?,?,?)",
                [session, seq, key, type, body],
            )
            database.execute(
                "UPDATE agent_chatsession SET last_seq = ? WHERE id = ?", [seq, session]
            )


def _keep_run(database: sqlite3.Connection, session: str, key: str, user: int) -> None:
    """A row for the run's events to hang on; "waiting", so that no engine takes it up."""
    message = {"id": key, "session_id": session, "role": "user", "content": "Hi"}
    _insert(database, "agent_message", {**message, "created_at": "2026-03-04 09:30:00"})
    (number,) = database.execute("SELECT count(*) FROM agent_run").fetchone()
    run = {"id": key, "session_id": session, "message_id": key, "number": number + 1}
    blank = {"status": "waiting", "approval": "auto", "created_by_id": user}
    _insert(database, "agent_run", {**run, **blank, "created_at": "2026-03-04 09:30:00"})


def _insert(database: sqlite3.Connection, table: str, known: dict[str, Any]) -> None:
    """Inserts a row; a column that is not known gets an empty value of its type."""
    row = dict(known)
    for _, name, type, needed, *_ in database.execute(f"PRAGMA table_info({table})").fetchall():
        if needed and name not in row:
            row[name] = 0 if "int" in type.lower() or type == "bool" else ""
            row[name] = "{}" if name in ("usage", "given") else row[name]
    marks = ",".join("?" * len(row))
    database.execute(f"INSERT INTO {table} ({','.join(row)}) VALUES ({marks})", list(row.values()))
