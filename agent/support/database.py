"""Database work off the event loop: where it runs, and what a lost connection means. No queries."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import (
    InterfaceError,
    InternalError,
    OperationalError,
    close_old_connections,
    connection,
)

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

# Not Django's thread-sensitive thread: everything in the process queues up on that one, and a slow
# query there freezes every socket.
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="database")

# How long a database may be away (a restart, a fail-over) before a run gives up on it; in seconds.
RETRY_SECONDS = 60.0
# What a lost connection raises, as far as Django lets us tell. An internal error is PostgreSQL's end
# of a transaction in which a process froze.
CONNECTION_ERRORS = (OperationalError, InterfaceError, InternalError)
IN_FAILED_TRANSACTION = "25P02"  # a code of PostgreSQL


async def call(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs `function`, which may be repeated when the connection is lost: reads, idempotent writes."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(
        _threads, lambda: retry_while_unreachable(lambda: function(*args, **kwargs))
    )


def retry_while_unreachable(function: Callable[[], T]) -> T:
    """Calls `function` until the database answers, for at most `RETRY_SECONDS` seconds."""
    give_up, pause = time.monotonic() + RETRY_SECONDS, 0.05
    while True:
        try:
            return function()
        except CONNECTION_ERRORS as error:
            connection.close()
            if time.monotonic() > give_up or _is_programmers_fault(error):
                raise
            logger.warning(
                "The database does not answer (%s); trying again in %.2f s", error, pause
            )
            time.sleep(pause)
            pause = min(pause * 2, 2.0)
        finally:
            close_old_connections()


def _is_programmers_fault(error: Exception) -> bool:
    """SQLite says "no such table" with the same class as "the disk is away"; PostgreSQL, that a failed
    transaction goes on, with the same one as that it ended an idle one.
    """
    if getattr(error.__cause__, "sqlstate", "") == IN_FAILED_TRANSACTION:
        return True
    return "no such" in str(error) or "syntax error" in str(error)
