"""How many requests a person, or an address, may make; and what all processes remember together."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache
from django.test import Client, RequestFactory
from pytest_django import Settings
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from chat import shared_store, throttles
from chat.shared_cache import FileCache, SharedCache

GONE = "redis://127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def own_file(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.VAR_DIR, settings.REDIS_URL = tmp_path, ""
    yield
    shared_store._redis_away_until = 0.0


def test_a_person_asks_for_so_many_pages_in_a_minute_and_others_are_not_held_up(
    client: Client, alice: User, bob: User, settings: Settings
) -> None:
    settings.SAMURAI_PAGE_REQUESTS_PER_MINUTE = 2
    client.force_login(alice)
    assert [client.get("/tokens/").status_code for _ in range(3)] == [200, 200, 429]
    refused = client.get("/tokens/")
    assert 0 < int(refused["Retry-After"]) <= 60
    assert "Too many requests" in refused.content.decode()
    assert (
        client.get("/tokens/", headers={"accept": "application/json"}).json()["code"] == "throttled"
    )
    other = Client()
    other.force_login(bob)
    assert other.get("/tokens/").status_code == 200
    settings.SAMURAI_PAGE_REQUESTS_PER_MINUTE = 0
    assert client.get("/tokens/").status_code == 200


def test_who_is_not_signed_in_is_counted_by_address_and_no_header_changes_that(
    client: Client, db: None, settings: Settings
) -> None:
    settings.SAMURAI_PAGE_REQUESTS_PER_MINUTE = 1
    statuses = [
        client.get("/", headers={"x-forwarded-for": f"10.0.0.{number}"}).status_code
        for number in range(2)
    ]
    assert statuses == [302, 429]
    assert client.get("/", REMOTE_ADDR="10.0.0.9").status_code == 302


def test_the_api_is_throttled_by_person_and_without_one_by_address(
    client: Client, alice: User, settings: Settings
) -> None:
    settings.SAMURAI_API_REQUESTS_PER_MINUTE = 1
    client.force_login(alice)
    assert client.get("/api/me/").status_code == 200
    refused = client.get("/api/me/")
    assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
    assert 0 < int(refused["Retry-After"]) <= 60
    told = r"Too many requests within a minute\. Try again in \d+ seconds?\."
    assert re.fullmatch(told, refused.json()["detail"])


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/me/", {}, 401),
        ("/api/me/", {"authorization": "Token samurai_guessed"}, 401),
        ("/api/none/", {}, 404),
        (f"/shared/{UUID(int=1)}/events/", {}, 404),
    ],
)
def test_the_api_counts_by_address_whoever_shows_nothing_or_something_wrong(
    db: None, settings: Settings, path: str, headers: dict[str, str], status: int
) -> None:
    settings.SAMURAI_API_REQUESTS_PER_MINUTE = 1
    statuses = [Client().get(path, headers=headers).status_code for _ in range(2)]
    assert statuses == [status, 429]
    assert Client(REMOTE_ADDR="10.0.0.9").get(path, headers=headers).status_code == status


async def test_the_address_behind_a_trusted_proxy_is_the_one_that_the_proxy_saw() -> None:
    """A client writes what it likes before the address that the proxy adds."""
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"][0])

    server: Any = ProxyHeadersMiddleware(app, trusted_hosts="127.0.0.1")
    for peer in ("127.0.0.1", "203.0.113.5"):
        headers = [(b"x-forwarded-for", b"10.0.0.1, 198.51.100.7")]
        await server({"type": "http", "client": (peer, 1), "headers": headers}, None, None)
    assert seen == ["198.51.100.7", "203.0.113.5"]


def test_a_household_with_many_addresses_is_one() -> None:
    request = RequestFactory().get("/")
    of = {}
    for told in (
        *("2001:db8:1:2::5", "2001:db8:1:2:ffff::1", "2001:db8:1:3::5"),
        *("10.0.0.1", "::ffff:10.0.0.1", "::ffff:10.0.0.2", ""),
    ):
        request.META["REMOTE_ADDR"] = told
        of[told] = throttles.address(request)
    assert of["2001:db8:1:2::5"] == of["2001:db8:1:2:ffff::1"] != of["2001:db8:1:3::5"]
    assert of["10.0.0.1"] == of["::ffff:10.0.0.1"] != of["::ffff:10.0.0.2"]
    assert len(set(of.values())) == 5


def test_another_process_and_the_next_start_count_on(settings: Settings) -> None:
    script = (
        "import django; django.setup()\n"
        "from chat import shared_store, throttles; from django.core.cache import cache\n"
        f"shared_store.NAME = {shared_store.NAME!r}\n"
        "print(throttles.take('page', 'one', 1) > 0, cache.get('seen'))\n"
        "cache.set('answer', [1])"
    )
    assert throttles.take("page", "one", 1) == 0
    caches["default"].set("seen", {"times": [1, 2]})
    env = {
        "DJANGO_SETTINGS_MODULE": "samurai_site.settings",
        "SAMURAI_VAR_DIR": str(settings.VAR_DIR),
        "SECRET_KEY": "x" * 50,
    }
    told = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "True {'times': [1, 2]}"
    assert caches["default"].get("answer") == [1]


def test_counts_that_have_expired_begin_anew_and_are_deleted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert throttles.take("page", "one", 1) == 0
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 61)
    assert throttles.take("page", "one", 1) == 0
    assert throttles.take("page", "one", 1) > 0
    monkeypatch.setattr("time.time", lambda: now + 200)
    shared_store.clean("count", now + 200)
    assert shared_store.execute("SELECT count(*) FROM count") == [(0,)]


def test_the_file_does_not_grow_with_how_many_have_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each one comes once, one in a second: nobody's count is needed for more than a minute."""
    monkeypatch.setattr("random.random", Random(1).random)
    for second in range(3_000):
        monkeypatch.setattr("time.time", lambda now=second: float(now))
        throttles.take("page", f"address-{second}", 1)
    ((rows,),) = shared_store.execute("SELECT count(*) FROM count")
    assert rows < 500


@pytest.mark.parametrize("kind", ["file", "redis_that_is_away"])
def test_the_cache_does_what_a_cache_does(kind: str, settings: Settings) -> None:
    cache: Any = FileCache("", {})
    if kind != "file":
        settings.REDIS_URL = GONE
        cache = SharedCache(GONE, {"OPTIONS": {"socket_connect_timeout": 0.2}})
    assert cache.get("key", "none") == "none"
    cache.set("key", [1])
    assert (cache.get("key"), "key" in cache, cache.add("key", 2)) == ([1], True, False)
    assert cache.touch("key", 100)
    assert cache.incr("number") if cache.add("number", 1) else False
    cache.set("short", 1, timeout=0)
    assert cache.get("short") is None
    assert cache.add("short", 2)
    assert cache.delete("key")
    assert not cache.delete("key")
    cache.clear()
    assert cache.get("short") is None


def test_the_file_counts_while_redis_is_away(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_URL = GONE
    waits = [throttles.take("page", "one", 1) for _ in range(3)]
    assert waits[0] == 0
    assert all(wait > 0 for wait in waits[1:])
    assert len(caplog.records) == 1


@pytest.mark.redis
def test_redis_counts_for_all_machines(settings: Settings) -> None:
    settings.REDIS_URL = os.environ["TEST_REDIS_URL"]
    who = uuid4().hex
    assert throttles.take("page", who, 1) == 0
    settings.VAR_DIR = settings.VAR_DIR / "of another machine"
    assert 0 < throttles.take("page", who, 1) <= 60
    cache = SharedCache(settings.REDIS_URL, {})
    cache.set(who, [1], 10)
    assert RedisCache(settings.REDIS_URL, {}).get(who) == [1]
