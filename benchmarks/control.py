"""An ASGI application around another one: benchmarks set its pace and read its counts over HTTP.

`/benchmark/set?name=number` sets values, `/benchmark/counts` returns the counts as JSON.
"""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qsl

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

values: dict[str, float] = {}
counts = {"statements": 0, "commits": 0, "seconds": 0.0}
_OF_TRANSACTIONS = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")


class Controlled:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/benchmark/"):
            await self._inner(scope, receive, send)
            return
        for name, number in parse_qsl(scope["query_string"].decode()):
            values[name] = float(number)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(counts).encode()})


# -- counting --------------------------------------------------------------------------------------


def count_sql() -> None:
    """Counts the statements of every connection, without those of transactions, and the commits."""
    connection_created.connect(_count_in, weak=False)
    commit = BaseDatabaseWrapper.commit

    def counted(self: BaseDatabaseWrapper) -> None:
        counts["commits"] += 1
        commit(self)

    BaseDatabaseWrapper.commit = counted  # type: ignore[method-assign]


def _count_in(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if _counted not in connection.execute_wrappers:
        connection.execute_wrappers.append(_counted)


def _counted(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    began = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        counts["seconds"] += time.perf_counter() - began
        if not sql.startswith(_OF_TRANSACTIONS):
            counts["statements"] += 1
            is_read = sql.lstrip().startswith(("SELECT", "PRAGMA", "WITH"))
            if not is_read and context["connection"].get_autocommit():
                counts["commits"] += 1
