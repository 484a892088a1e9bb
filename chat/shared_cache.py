"""Django's cache for what all processes share, such as the failed attempts to sign in: in Redis if there is
one, else in a file of this machine.
"""

from __future__ import annotations

import pickle
import random
import time
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.redis import RedisCache

from chat import shared_store

FOR_EVER = float(2**53)


class FileCache(BaseCache):
    """The entries of a cache in the file of `shared_store`."""

    def __init__(self, _: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        query = "SELECT value FROM entry WHERE key = ? AND expires > ?"
        rows = shared_store.execute(query, self._key(key, version), time.time())
        return pickle.loads(rows[0][0]) if rows else default  # written only by this class

    def set(
        self,
        key: str,
        value: Any,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> None:
        self._write(key, value, timeout, version, replaces=True)

    def add(
        self,
        key: str,
        value: Any,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> bool:
        return self._write(key, value, timeout, version, replaces=False)

    def touch(
        self, key: str, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        statement = "UPDATE entry SET expires = ? WHERE key = ? AND expires > ? RETURNING key"
        ends = self._end(timeout)
        return bool(shared_store.execute(statement, ends, self._key(key, version), time.time()))

    def delete(self, key: str, version: int | None = None) -> bool:
        statement = "DELETE FROM entry WHERE key = ? RETURNING key"
        return bool(shared_store.execute(statement, self._key(key, version)))

    def clear(self) -> None:
        shared_store.execute("DELETE FROM entry")

    def _write(
        self, key: str, value: Any, timeout: float | None, version: int | None, *, replaces: bool
    ) -> bool:
        now = time.time()
        if random.random() < shared_store.CLEANED:
            shared_store.clean("entry", now)
        stored = shared_store.execute(
            """
            INSERT INTO entry VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE
            SET value = excluded.value, expires = excluded.expires WHERE ?5 OR expires <= ?4
            RETURNING key
            """,
            self._key(key, version),
            pickle.dumps(value),
            self._end(timeout),
            now,
            replaces,
        )
        return bool(stored)

    def _end(self, timeout: float | None) -> float:
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        return FOR_EVER if seconds is None else time.time() + seconds

    def _key(self, key: str, version: int | None) -> str:
        return self.make_and_validate_key(key, version=version)


def _of_both(method: str) -> Any:
    def call(self: SharedCache, *args: Any, **options: Any) -> Any:
        return shared_store.redis_or_file(
            lambda: getattr(self._redis, method)(*args, **options),
            lambda: getattr(self._file, method)(*args, **options),
        )

    return call


class SharedCache(BaseCache):
    """A cache in Redis, and in the file while Redis is away. `server`: its address."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._redis, self._file = RedisCache(server, params), FileCache("", params)

    get, set, add = _of_both("get"), _of_both("set"), _of_both("add")
    touch, delete, clear = _of_both("touch"), _of_both("delete"), _of_both("clear")
