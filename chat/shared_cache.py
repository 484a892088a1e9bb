"""The cache that all server processes share by Redis. While Redis is away, each process has its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache

logger = logging.getLogger(__name__)

SECONDS = 1.0  # that an operation of Redis may take


class SharedCache(RedisCache):
    """Has the operations by which attempts are counted; others raise while Redis is away."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        times = {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS}
        super().__init__(server, {"KEY_PREFIX": "samurai", **params, "OPTIONS": times})
        self._own = LocMemCache("while Redis is away", {})

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._tried(lambda cache: cache.add(*args, **kwargs)))

    def get(self, *args: Any, **kwargs: Any) -> Any:
        return self._tried(lambda cache: cache.get(*args, **kwargs))

    def set(self, *args: Any, **kwargs: Any) -> None:
        self._tried(lambda cache: cache.set(*args, **kwargs))

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._tried(lambda cache: cache.delete(*args, **kwargs)))

    def _tried(self, operation: Callable[[BaseCache], Any]) -> Any:
        from redis.exceptions import ConnectionError, TimeoutError

        try:
            return operation(super())  # type: ignore[arg-type]  # the same cache, without this class
        except (ConnectionError, TimeoutError):
            logger.warning("Redis is away: attempts to sign in are counted by each process.")
            return operation(self._own)
