"""Runs database work in threads, and retries it while the database is unreachable. No queries."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from django.db import (
    InterfaceError,
    InternalError,
    OperationalError,
    close_old_connections,
    connection,
    connections,
    transaction,
)

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

# Not Django's thread-sensitive thread: all of the process shares that one, so that a slow query would
# block every socket.
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="database")

# Seconds for which work is retried: a database may be away for a restart or a fail-over.
RETRY_SECONDS = 60.0
# Errors that a lost connection raises. PostgreSQL reports an internal error when it has ended a
# transaction in which a process froze.
CONNECTION_ERRORS = (OperationalError, InterfaceError, InternalError)
IN_FAILED_TRANSACTION = "25P02"  # PostgreSQL's error code


async def call(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs `function` in a thread. It is repeated when the connection is lost, and so must be a read or
    an idempotent write.
    """
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()
    return await loop.run_in_executor(
        _threads,
        lambda: context.run(retry_while_unreachable, lambda: function(*args, **kwargs)),
    )


def retry_while_unreachable(function: Callable[[], T], *, keep: float = 0.0) -> T:
    """Calls `function` until the database answers, for at most `RETRY_SECONDS`.

    `keep`: seconds for which this thread keeps its connection longer than the settings say.
    """
    give_up, pause = time.monotonic() + RETRY_SECONDS, 0.05
    while True:
        try:
            return function()
        except CONNECTION_ERRORS as error:
            connection.close()
            if time.monotonic() > give_up or _is_programmers_fault(error):
                raise
            logger.warning("Database unreachable (%s); retrying in %.2f s", error, pause)
            time.sleep(pause)
            pause = min(pause * 2, 2.0)
        finally:
            # Django's own is None while there is no connection.
            if (
                connection.errors_occurred
                or time.monotonic() >= (connection.close_at or 0.0) + keep
            ):
                close_old_connections()


@contextmanager
def rolled_back() -> Iterator[None]:
    """Opens a transaction that is rolled back. On SQLite, only what writes in it takes the lock that a
    transaction otherwise takes at its beginning, so that others commit meanwhile.
    """
    this: Any = connection
    mode = getattr(this, "transaction_mode", None)  # SQLite's only
    this.transaction_mode = None
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    finally:
        this.transaction_mode = mode


def parameters() -> dict[str, Any]:
    """Returns psycopg's parameters of the default database, for a connection outside of Django's pool."""
    found: dict[str, Any] = connections["default"].get_connection_params()
    return {name: value for name, value in found.items() if name not in _OF_POOL}


_OF_POOL = ("context", "cursor_factory")


def _is_programmers_fault(error: Exception) -> bool:
    """Tells whether a retry is useless. SQLite raises the same class for a missing table as for a
    missing disk; PostgreSQL raises the same class for a query in a failed transaction as for an idle
    transaction that it ended.
    """
    if getattr(error.__cause__, "sqlstate", "") == IN_FAILED_TRANSACTION:
        return True
    return "no such" in str(error) or "syntax error" in str(error)
