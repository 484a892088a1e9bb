"""What all processes count or remember for a while: in Redis if there is one, else in a small SQLite file
beside the database. The file may be deleted at any time: then the counts begin anew.

It is no part of the database: what is written for each request must not wait for the event log's writer.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings

logger = logging.getLogger(__name__)

T = TypeVar("T")

NAME = "shared.sqlite3"
TIMEOUT = 2.0  # seconds for which a statement waits for those of other processes
TABLES = """
CREATE TABLE IF NOT EXISTS count (
    key TEXT PRIMARY KEY, number INTEGER NOT NULL, expires REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entry (
    key TEXT PRIMARY KEY, value BLOB NOT NULL, expires REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS count_by_end ON count (expires);
CREATE INDEX IF NOT EXISTS entry_by_end ON entry (expires);
"""
# So many of the writes clean, and delete so many rows: two for each row that is added.
CLEANED, EXPIRED = 0.02, 100
REDIS_PAUSE = 5.0  # seconds for which Redis is not asked after it did not answer

_lock = threading.Lock()
_file: tuple[Path, sqlite3.Connection] | None = None
_redis_away_until = 0.0


def redis_or_file(in_redis: Callable[[], T], in_file: Callable[[], T]) -> T:
    """Calls `in_redis`, and `in_file` where Redis is not set or does not answer."""
    global _redis_away_until
    if not settings.REDIS_URL or time.monotonic() < _redis_away_until:
        return in_file()
    from redis import RedisError  # a server without Redis need not import it

    try:
        return in_redis()
    except RedisError as error:
        _redis_away_until = time.monotonic() + REDIS_PAUSE
        logger.warning("Redis is away (%s): requests are counted on this machine", error)
        return in_file()


def execute(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Executes one statement on the file, in a transaction of its own; returns its rows."""
    with _lock:
        return _connection().execute(statement, values).fetchall()


def clean(table: str, now: float) -> None:
    """Deletes some of the rows of `table` that have expired."""
    old = f"SELECT key FROM {table} WHERE expires <= ? LIMIT ?"
    execute(f"DELETE FROM {table} WHERE key IN ({old})", now, EXPIRED)


def _connection() -> sqlite3.Connection:
    """Returns the connection to the file, which is made anew if it was deleted."""
    global _file
    path = Path(settings.VAR_DIR) / NAME
    if _file is not None and _file[0] == path and path.exists():
        return _file[1]
    if _file is not None:
        _file[1].close()
    path.touch(mode=0o600)
    made = sqlite3.connect(path, timeout=TIMEOUT, isolation_level=None, check_same_thread=False)
    # What a crash of the machine loses is a minute's counts.
    made.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;" + TABLES)
    _file = path, made
    return made
