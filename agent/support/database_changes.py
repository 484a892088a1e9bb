"""Tells whether anything was committed to the database, by one short statement that reads no table."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from agent.support import raw_sql
from agent.support.database import retry_while_unreachable

# SQLite counts the commits of other connections only, so this thread's connection never writes.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="database-changes")

# Seconds after which a change is reported in any case: rows may also expire.
EXPIRY = 60.0


class DatabaseChanges:
    """What one reader knows of the database."""

    def __init__(self) -> None:
        self._version: object = None
        self._changed_at = 0.0

    async def since_last(self) -> bool:
        """Tells whether another connection or process committed anything since the last call.

        What was committed before the call is seen by a query after it.
        """
        loop, now = asyncio.get_running_loop(), time.monotonic()
        version = await loop.run_in_executor(_thread, retry_while_unreachable, _version)
        is_same = version == self._version and now - self._changed_at < EXPIRY
        if not is_same:
            self._version, self._changed_at = version, now
        return not is_same


def _version() -> object:
    if connection.vendor == "postgresql":
        # It names the transactions in progress and the next one: an equal one sees the same rows.
        return raw_sql.column("SELECT CAST(pg_current_snapshot() AS text)")
    # A new connection counts anew.
    return raw_sql.column("PRAGMA data_version"), connection.connection
