"""A serving process' place among the servers of its database: taken at the start, kept until its end.

One SQLite file has one server. Those of a PostgreSQL database share it when they wake each other.
"""

from __future__ import annotations

import asyncio
import contextvars
import fcntl
import logging
import os
from typing import Any

import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

logger = logging.getLogger(__name__)

# The advisory lock of servers on PostgreSQL: any number that nothing else locks there.
LOCK_ID = 0x53414D55
# Seconds between looks whether the lock is still ours; it goes with its connection.
LOOK = 2.0


class ServerLock:
    """What is held goes with the process, however that ends."""

    def __init__(self) -> None:
        self._held: int | psycopg.Connection[Any]
        self._keeper: asyncio.Task[None]

    async def take(self) -> None:
        """Raises `ImproperlyConfigured` when it is another server's."""
        if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
            self._held = _lock_file()
            return
        self._held = await asyncio.to_thread(_lock_database)
        loop = asyncio.get_running_loop()
        self._keeper = loop.create_task(self._keep(self._held), context=contextvars.Context())

    async def _keep(self, held: psycopg.Connection[Any]) -> None:
        """Takes the place again when the connection that held it was lost."""
        lost = False
        while True:
            await asyncio.sleep(LOOK)
            try:
                if held.closed:
                    held = await asyncio.to_thread(_lock_database)
                    logger.info("The place among the servers is taken again")
                    lost = False
                else:
                    await asyncio.to_thread(held.execute, "SELECT 1")
            except (psycopg.Error, ImproperlyConfigured) as error:
                held.close()
                if not lost:
                    logger.warning("The place among the servers is lost (%s); trying again", error)
                    lost = True


def _lock_database() -> psycopg.Connection[Any]:
    """Shares a lock with servers that wake each other over Redis; alone, holds it alone."""
    connection = psycopg.connect(**_parameters(), autocommit=True)
    lock = "pg_try_advisory_lock_shared" if settings.REDIS_URL else "pg_try_advisory_lock"
    row = connection.execute(f"SELECT {lock}(%s)", [LOCK_ID]).fetchone()
    if row == (True,):
        return connection
    connection.close()
    raise ImproperlyConfigured(
        "Another server runs on this PostgreSQL database already. Servers that share one need "
        "REDIS_URL, each of them, to wake each other: set it everywhere, or stop the other one."
    )


def _parameters() -> dict[str, Any]:
    """Returns how Django connects, for a plain connection beside its pool."""
    found: dict[str, Any] = connections["default"].get_connection_params()
    return {name: found[name] for name in found if name not in ("context", "cursor_factory")}


def _lock_file() -> int:
    """Locks the SQLite file against a second server."""
    database = settings.DATABASES["default"]
    descriptor = os.open(f"{database['NAME']}.server", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ImproperlyConfigured(
            "Another server runs on this SQLite database already. Stop it first, or set DATABASE_URL "
            "to a PostgreSQL database, which several servers can share."
        ) from None
    return descriptor
