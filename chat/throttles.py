"""How many requests one person, or one address without a person, may make in a minute.

All processes count together, also across a restart: in Redis if there is one, else in a file of this machine.
"""

from __future__ import annotations

import random
import time
from functools import cache
from ipaddress import ip_network
from math import ceil
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponseBase
from limits import RateLimitItemPerMinute
from limits.storage import RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter

from agent.support.origin import checked_address
from chat import middleware, shared_store
from chat.error_pages import TOO_MANY, respond

REDIS_TIMEOUT = 0.5  # seconds


class FileStorage(Storage):
    """The counts of `limits` in the file of `shared_store`."""

    STORAGE_SCHEME = None
    base_exceptions = OSError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = time.time()
        if random.random() < shared_store.CLEANED:
            shared_store.clean("count", now)
        ((number,),) = shared_store.execute(
            """
            INSERT INTO count VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET
            number = CASE WHEN expires <= ?4 THEN ?2 ELSE number + ?2 END,
            expires = CASE WHEN expires <= ?4 THEN ?3 ELSE expires END
            RETURNING number
            """,
            key,
            amount,
            now + expiry,
            now,
        )
        return int(number)

    def get(self, key: str) -> int:
        return int(self._row(key)[0])

    def get_expiry(self, key: str) -> float:
        return float(self._row(key)[1])

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        shared_store.execute("DELETE FROM count")
        return None

    def clear(self, key: str) -> None:
        shared_store.execute("DELETE FROM count WHERE key = ?", key)

    def _row(self, key: str) -> tuple[Any, ...]:
        now = time.time()
        query = "SELECT number, expires FROM count WHERE key = ? AND expires > ?"
        rows = shared_store.execute(query, key, now)
        return rows[0] if rows else (0, now)


_in_file = FixedWindowRateLimiter(FileStorage())


@cache
def _in_redis(url: str) -> FixedWindowRateLimiter:
    storage = RedisStorage(
        url,
        key_prefix="samurai-throttle",
        socket_timeout=REDIS_TIMEOUT,
        socket_connect_timeout=REDIS_TIMEOUT,
    )
    return FixedWindowRateLimiter(storage)


def take(what: str, who: str, most: int) -> int:
    """Counts a request of `who`; returns 0, or for how many seconds `who` has to wait.

    `most`: in a minute; 0: as many as they like. `who`: see `person` and `address`.
    """
    if not most:
        return 0
    return shared_store.redis_or_file(
        lambda: _take(_in_redis(settings.REDIS_URL), what, who, most),
        lambda: _take(_in_file, what, who, most),
    )


def _take(limiter: FixedWindowRateLimiter, what: str, who: str, most: int) -> int:
    limit = RateLimitItemPerMinute(most)
    if limiter.hit(limit, what, who):
        return 0
    return max(1, ceil(limiter.get_window_stats(limit, what, who).reset_time - time.time()))


def person(key: int | str) -> str:
    return f"person-{key}"


def address(request: HttpRequest) -> str:
    """Returns whom a request without a person comes from.

    It is the address that the server program tells, which believes `X-Forwarded-For` only if it comes from
    one of the proxies in `FORWARDED_ALLOW_IPS`. Of IPv6, one household has a whole network.
    """
    found = checked_address(request.META.get("REMOTE_ADDR"))  # a Unix socket has none
    if ":" in found:
        found = str(ip_network((found, 64), strict=False).network_address)
    return f"address-{found}"


@middleware.refuses
def page_throttle(request: HttpRequest) -> HttpResponseBase | None:
    """Refuses the requests for pages that are too many. The API counts its own."""
    if request.path_info.startswith("/api/"):
        return None
    key = request.session.get(SESSION_KEY)
    who = address(request) if key is None else person(key)
    seconds = take("page", who, settings.SAMURAI_PAGE_REQUESTS_PER_MINUTE)
    if not seconds:
        return None
    response = respond(request, TOO_MANY)
    response["Retry-After"] = str(seconds)
    return response
