"""The lock that limits the server processes of a database. Held from the start to the process's end.

A SQLite file allows one server. A PostgreSQL database allows several, if they can wake each other over
Redis.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from agent.support import database
from agent.support.task_group import background_task

if TYPE_CHECKING:
    import psycopg  # otherwise only where it is used: on SQLite, nothing needs its 9 MB

logger = logging.getLogger(__name__)

# The id of PostgreSQL's advisory lock: any number that no other program locks in this database.
LOCK_ID = 0x53414D55
# Seconds between checks of the connection that holds the lock.
CHECK_INTERVAL = 2.0


class ServerLock:
    """The operating system or PostgreSQL releases the lock when the process ends, however it ends."""

    def __init__(self) -> None:
        self._lock: int | psycopg.Connection[Any]
        self._keeper: asyncio.Task[None]

    async def acquire(self) -> None:
        """Raises `ImproperlyConfigured` if another server holds the lock."""
        if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
            self._lock = _lock_file()
            return
        self._lock = await asyncio.to_thread(_lock_database)
        self._keeper = background_task(self._keep(self._lock))

    async def _keep(self, connection: psycopg.Connection[Any]) -> None:
        """Acquires the lock again whenever its connection was lost."""
        import psycopg

        lost = False
        while True:
            await asyncio.sleep(CHECK_INTERVAL)
            try:
                if connection.closed:
                    connection = await asyncio.to_thread(_lock_database)
                    logger.info("Server lock acquired again")
                    lost = False
                else:
                    await asyncio.to_thread(connection.execute, "SELECT 1")
            except (psycopg.Error, ImproperlyConfigured) as error:
                connection.close()
                if not lost:
                    logger.warning("Server lock lost (%s); retrying", error)
                    lost = True


def _lock_database() -> psycopg.Connection[Any]:
    """Acquires the lock: shared if servers can wake each other over Redis, otherwise exclusive."""
    import psycopg

    connection = psycopg.connect(**database.parameters(), autocommit=True)
    lock = "pg_try_advisory_lock_shared" if settings.REDIS_URL else "pg_try_advisory_lock"
    row = connection.execute(f"SELECT {lock}(%s)", [LOCK_ID]).fetchone()
    if row == (True,):
        return connection
    connection.close()
    raise ImproperlyConfigured(
        "Another server is already using this PostgreSQL database. Servers that share a database "
        "need REDIS_URL to wake each other: set it for each server, or stop the other server."
    )


def _lock_file() -> int:
    """Locks the SQLite file against a second server."""
    name = settings.DATABASES["default"]["NAME"]
    descriptor = os.open(f"{name}.server", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ImproperlyConfigured(
            "Another server is already using this SQLite database. Stop it, or set DATABASE_URL to a "
            "PostgreSQL database, which several servers can share."
        ) from None
    return descriptor
