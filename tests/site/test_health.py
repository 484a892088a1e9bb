"""`/healthz` and `/readyz` of real servers, whose database, Redis and workers go, hang and come back."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import re
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from agent.support import database_probe
from chat.request_slots import EXECUTING
from samurai_site import health
from samurai_site import server as server_module
from samurai_site.health import Health
from samurai_site.server import Server
from tests.support.databases import seeded_database
from tests.support.documents import DOCS, rows, section
from tests.support.proxy import Proxy
from tests.support.server import PATIENCE, ServerProcess, WorkerProcess

READY = {"database": "", "engine": ""}
# Seconds that an answer may take, with what a busy machine adds.
BOUND = health.PATIENCE + 2


class Stalling(Proxy):
    """`stall()` passes on nothing more and keeps all connections open, until `go_on()`."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._may_pass = threading.Event()
        self._may_pass.set()

    def stall(self) -> None:
        self._may_pass.clear()

    def go_on(self) -> None:
        self._may_pass.set()

    def _pass_on(self, data: bytes, sink: Any) -> None:
        self._may_pass.wait()
        sink.sendall(data)


def ask(
    url: str, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[int, list[Any], Any]:
    """Returns the status, the lines if they are JSON, and the headers."""
    request = urllib.request.Request(url, method=method, headers=headers or {})
    try:
        response = urllib.request.urlopen(request, timeout=BOUND)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        lines = response.read().decode().splitlines()
        is_json = "json" in response.headers.get("Content-Type", "")
        found = [json.loads(line) for line in lines] if is_json else lines
        return response.status, found, response.headers


def problems(server: ServerProcess) -> dict[str, str]:
    """Returns what `/readyz` says, by part; the process must be alive meanwhile."""
    assert ask(f"{server.url}/healthz")[:2] == (200, [{"part": "process", "ok": True}])
    status, lines, _ = ask(f"{server.url}/readyz")
    found = {line["part"]: line.get("problem", "") for line in lines}
    assert [line["ok"] for line in lines] == [not problem for problem in found.values()]
    assert status == (503 if any(found.values()) else 200)
    return found


def wait_for(server: ServerProcess, expected: dict[str, str]) -> None:
    give_up = time.monotonic() + PATIENCE
    while (found := problems(server)) != expected:
        assert time.monotonic() < give_up, found
        time.sleep(0.1)


def test_the_guide_tells_every_problem() -> None:
    told = {row[0].strip("`") for row in rows(section(DOCS["docs/deploy.md"], "Health"))}
    sources = (database_probe, health, server_module)
    text = "".join(inspect.getsource(source) for source in sources)
    codes = set(re.findall(r'"(no_\w+|unreachable|not_migrated|starting|silent)"', text))
    assert codes == told - {"/healthz", "/readyz"}


# -- every server ----------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["uvicorn", "daphne"])
def test_a_server_is_alive_and_ready_without_a_sign_in_and_under_any_name(
    make_server: Callable[..., ServerProcess], program: str
) -> None:
    server = make_server(program=program)
    wait_for(server, READY)
    elsewhere = {"Host": "elsewhere.example"}
    assert ask(f"{server.url}/admin/login/", headers=elsewhere)[0] == 400  # not one of its names
    status, lines, headers = ask(f"{server.url}/readyz", "HEAD", elsewhere)
    assert (status, lines, headers["Cache-Control"]) == (200, [], "no-store")
    assert ask(f"{server.url}/readyz", "POST")[0] == 405


def test_both_addresses_work_below_the_path_of_the_site_and_without_it(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server(SITE_URL="http://127.0.0.1/samurai")
    wait_for(server, READY)
    for path in ("/samurai/healthz", "/samurai/readyz"):
        assert ask(server.url + path)[0] == 200
    assert ask(f"{server.url}/samurai/healthz/more")[0] == 404


@pytest.mark.own_server
def test_an_answer_tells_only_codes_when_the_file_of_the_database_is_gone_and_back(
    server: ServerProcess,
) -> None:
    wait_for(server, READY)
    database = server.var / "db.sqlite3"
    database.rename(server.var / "elsewhere")
    wait_for(server, {"database": "unreachable", "engine": ""})
    request = urllib.request.Request(f"{server.url}/readyz")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=BOUND)
    assert refused.value.read().decode() == (
        '{"part": "database", "ok": false, "problem": "unreachable"}\n'
        '{"part": "engine", "ok": true}\n'
    )
    assert not database.exists()
    (server.var / "elsewhere").rename(database)
    wait_for(server, READY)


@pytest.mark.own_server
def test_a_migration_that_is_missing_is_told(server: ServerProcess) -> None:
    wait_for(server, READY)
    with server.database() as database:
        where = "WHERE app = 'agent' AND name = '0001_initial'"
        kept = database.execute(f"SELECT id, app, name, applied FROM django_migrations {where}")
        row = kept.fetchone()
    server.change(f"DELETE FROM django_migrations {where}")
    wait_for(server, {"database": "not_migrated", "engine": ""})
    server.change(f"INSERT INTO django_migrations VALUES {row!r}")
    wait_for(server, READY)


# -- no slot, and no more than one look -------------------------------------------------------------


async def test_requests_that_take_all_slots_do_not_hold_it_up() -> None:
    gate, taken = asyncio.Event(), asyncio.Semaphore(0)

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        taken.release()
        await gate.wait()

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    server = Server(inner)
    server._started = True
    request = {"type": "http", "method": "GET", "path": "/api/projects/", "headers": []}
    busy = [asyncio.create_task(server(dict(request), receive, send)) for _ in range(EXECUTING + 1)]
    for _ in range(EXECUTING):
        await taken.acquire()
    async with asyncio.timeout(BOUND):
        await server({**request, "path": "/healthz"}, receive, send)
    assert sent[0]["status"] == 200
    gate.set()
    await asyncio.gather(*busy)


async def test_many_questions_share_one_look_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PATIENCE", 0.2)
    looks, goes_on = 0, threading.Event()

    def look() -> tuple[str, str]:
        nonlocal looks
        looks += 1
        goes_on.wait(PATIENCE)
        return "", ""

    asked = Health(lambda: "")
    monkeypatch.setattr(asked._probe, "look", look)
    for _ in range(2):
        found = await asyncio.gather(*[asked.problems() for _ in range(50)])
        assert found == [{"database": "no_answer", "engine": ""}] * 50
    assert looks == 1
    goes_on.set()
    assert asked._look is not None
    await asked._look
    assert await asked.problems() == READY


async def test_a_look_that_fails_does_not_tell_what_was_found_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "FRESH", 0)
    asked = Health(lambda: "")
    monkeypatch.setattr(asked._probe, "look", lambda: ("", ""))
    assert await asked.problems() == READY

    def fail() -> tuple[str, str]:
        raise RuntimeError

    monkeypatch.setattr(asked._probe, "look", fail)
    assert await asked.problems() == {"database": "no_answer", "engine": ""}
    assert asked._look is not None
    assert isinstance(asked._look.exception(), RuntimeError)


# -- PostgreSQL, Redis and workers -------------------------------------------------------------------


@pytest.fixture
def stalling_postgresql(tmp_path: Path) -> Iterator[tuple[Stalling, str, dict[str, Any]]]:
    """A proxy before a database of its own; its URL through the proxy, and who is in it."""
    with seeded_database(tmp_path) as (url, seed):
        address = urlsplit(url)
        with Stalling(address.hostname or "", address.port or 5432) as proxy:
            user = address.netloc.rpartition("@")[0]
            yield proxy, address._replace(netloc=f"{user}@127.0.0.1:{proxy.port}").geturl(), seed


@pytest.mark.postgresql
def test_postgresql_hangs_goes_and_comes_back(
    tmp_path: Path, stalling_postgresql: tuple[Stalling, str, dict[str, Any]]
) -> None:
    proxy, url, seed = stalling_postgresql
    server = ServerProcess(tmp_path, seed, DATABASE_URL=url)
    try:
        server.start()
        wait_for(server, READY)
        proxy.stall()
        began = time.monotonic()
        time.sleep(health.FRESH)
        for _ in range(3):
            assert problems(server)["database"] == "no_answer"
        assert time.monotonic() - began < 3 * BOUND
        proxy.go_on()
        wait_for(server, READY)
        proxy.cut()
        time.sleep(health.FRESH)
        assert problems(server)["database"] == "unreachable"
        proxy.mend()
        wait_for(server, READY)
    finally:
        proxy.go_on()
        server.stop(signal.SIGKILL)


@pytest.mark.postgresql
def test_a_server_that_starts_while_postgresql_is_away_gets_ready_by_itself(
    tmp_path: Path, stalling_postgresql: tuple[Stalling, str, dict[str, Any]]
) -> None:
    proxy, url, seed = stalling_postgresql
    proxy.cut()
    server = ServerProcess(tmp_path, seed, DATABASE_URL=url)
    server._wait_until_it_answers = lambda: None  # type: ignore[method-assign]  # it cannot yet
    try:
        server.start()
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            try:
                assert ask(f"{server.url}/healthz")[0] == 200
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        assert problems(server) == {"database": "unreachable", "engine": "starting"}
        proxy.mend()
        wait_for(server, READY)
        assert ask(f"{server.url}/accounts/sign-in/")[0] == 200
        server.send_signal(signal.SIGTERM)
        assert server.process is not None
        assert server.process.wait(PATIENCE) in (0, -signal.SIGTERM)
    finally:
        server.stop(signal.SIGKILL)


@pytest.mark.postgresql
@pytest.mark.redis
def test_redis_and_workers_hang_go_and_come_back(tmp_path: Path) -> None:
    redis = urlsplit(os.environ["TEST_REDIS_URL"])
    with (
        seeded_database(tmp_path) as (url, seed),
        Stalling(redis.hostname or "127.0.0.1", redis.port or 6379) as proxy,
    ):
        env = {
            "DATABASE_URL": url,
            "REDIS_URL": redis._replace(netloc=f"127.0.0.1:{proxy.port}").geturl(),
            "SAMURAI_ENGINE": "procrastinate",
        }
        server = ServerProcess(tmp_path, seed, **env)
        worker = WorkerProcess(tmp_path, "worker", **env)
        ready = {**READY, "redis": ""}
        try:
            server.start()
            wait_for(server, {**ready, "engine": "no_worker"})
            worker.start()
            wait_for(server, ready)
            proxy.stall()
            wait_for(server, {**ready, "redis": "no_answer"})
            proxy.go_on()
            wait_for(server, ready)
            proxy.cut()
            wait_for(server, {**ready, "redis": "no_answer"})
            proxy.mend()
            wait_for(server, ready)
            worker.stop(signal.SIGKILL)
            wait_for(server, {**ready, "engine": "no_worker"})
        finally:
            proxy.go_on()
            worker.stop(signal.SIGKILL)
            server.stop(signal.SIGKILL)
