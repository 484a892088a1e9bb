"""A real server process for tests, with its own database, and the fixed cast to talk to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support import forked
from tests.support.held_loop import check_log

ROOT = Path(__file__).resolve().parents[2]
SITE = "samurai_site.asgi"
SEED = [sys.executable, str(ROOT / "tests" / "support" / "seed.py")]
# Seconds that anything may take on a busy machine before a test gives up.
PATIENCE = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(var: Path, **more: str) -> dict[str, str]:
    """Returns an environment in which nothing of the developer's own settings is left."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "HOME", "LANG", "TMPDIR")
    }
    blank = dict.fromkeys(
        [
            "OPENAI_API_KEY",
            "OPENAI_BASE_URL",
            "DATABASE_URL",
            "REDIS_URL",
            "SAMURAI_ENGINE",
            "SITE_URL",
            "SAMURAI_APPS",
        ],
        "",
    )
    return {
        **kept,
        **blank,
        "SAMURAI_VAR_DIR": str(var),
        "SAMURAI_USER_RUNS_PER_MINUTE": "100000",
        "SAMURAI_USER_RUNS_PER_DAY": "0",
        "SAMURAI_PROJECT_RUNS_PER_DAY": "0",
        "SAMURAI_API_REQUESTS_PER_MINUTE": "1000000",
        "SAMURAI_PAGE_REQUESTS_PER_MINUTE": "1000000",
        "PYTHONPATH": str(ROOT),
        **more,
    }


class Process:
    """A program of ours on `var`, with a log of its own."""

    # Tests have `forked.Popen`. What `make bench` and `make soak` measure is started as it is in production.
    popen: type[subprocess.Popen[Any]] = subprocess.Popen

    def __init__(self, var: Path, name: str, **env: str):
        self.var = var
        self.env = environment(var, **env)
        self.log = var / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def _command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = self.popen(
                self._command(), cwd=ROOT, env=self.env, stdout=log, stderr=log
            )

    def send_signal(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.send_signal(how)
            self.process.wait(PATIENCE)
            self.process = None


class WorkerProcess(Process):
    """`manage.py procrastinate worker`, for all queues or for one."""

    queue = ""

    def _command(self) -> list[str]:
        queues = ["--queues", self.queue] if self.queue else []
        return [sys.executable, "manage.py", "procrastinate", "worker", *queues]


class Seeder:
    """A process that fills the database of a server, as `tests/support/seed.py` says."""

    def __init__(self, env: dict[str, str]) -> None:
        self._process = forked.Popen(
            [*SEED, "--listen"],
            env=env,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Seeder:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, *request: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(request)}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class ServerProcess(Process):
    """`uvicorn` or Daphne on a port of its own."""

    seeder: Seeder | None = None  # of a shared server, and kept

    def __init__(
        self,
        var: Path,
        seed: dict[str, Any],
        *,
        program: str = "uvicorn",
        app: str = SITE,
        name: str = "server",
        **env: str,
    ):
        super().__init__(var, name, **env)
        self.program, self.app = program, app
        self.port = free_port()
        self.know(seed)

    def know(self, seed: dict[str, Any]) -> None:
        """Takes over who and what is in the database."""
        self.cast: dict[str, dict[str, str]] = seed["cast"]
        self.project: str = seed["project"]
        self.session, self.other_session = seed["sessions"]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        super().start()
        self._wait_until_it_answers()

    def _command(self) -> list[str]:
        if self.program == "daphne" and self.app != SITE:
            return [sys.executable, "-m", "daphne", "-p", str(self.port), f"{self.app}:application"]
        if self.program == "daphne":
            arguments = ["manage.py", "runserver", "--noreload", f"127.0.0.1:{self.port}"]
            return [sys.executable, *arguments]
        arguments = ["-m", "uvicorn", f"{self.app}:application", "--port", str(self.port)]
        more = ["--ws", "chat.socket_protocol:SocketProtocol", "--ws-per-message-deflate", "false"]
        more += ["--ws-ping-interval", "45"]
        limits = ["--ws-max-size", "1048576", "--timeout-graceful-shutdown", "3"]
        return [sys.executable, *arguments, *more, *limits, "--no-access-log"]

    def _wait_until_it_answers(self) -> None:
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            assert self.process is not None
            if self.process.poll() is not None:
                break
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                # A page would also load templates, which takes a sixth of a start.
                urllib.request.urlopen(f"{self.url}/static/chat/favicon.svg", timeout=5).close()
                return
            time.sleep(0.05)
        raise AssertionError(f"the server did not start:\n{self.log.read_text()}")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Reads the server's database beside it."""
        with self.database() as database:
            return list(database.execute(query).fetchall())

    def database(self) -> contextlib.closing[Any]:
        """Opens the server's database beside it."""
        if url := self.env["DATABASE_URL"]:
            return contextlib.closing(psycopg.connect(url))
        return contextlib.closing(sqlite3.connect(self.var / "db.sqlite3", timeout=20))

    def change(self, statement: str) -> None:
        """Changes the server's database beside it."""
        with self.database() as database:
            database.execute(statement)
            database.commit()

    def fill(self, module: str, *arguments: Any) -> Any:
        """Fills the database by `fill` of a module of `tests.support`; returns what it returns."""
        if self.seeder is not None:
            return self.seeder.ask(module, *arguments)
        with Seeder(self.env) as seeder:
            return seeder.ask(module, *arguments)

    def client(
        self,
        name: str = "alice",
        *,
        session: str | None = None,
        after: int | str | None = None,
        sidebar: bool = False,
        headers: dict[str, str] | None = None,
    ) -> connect:
        """Connects with the token of `name`, unless `headers` say otherwise."""
        query = "" if after is None else f"?after={after}"
        if sidebar:
            query = f"{query}{'&' if query else '?'}sidebar=0"
        address = f"ws://127.0.0.1:{self.port}/ws/sessions/{session or self.session}/{query}"
        if headers is None:
            headers = {"Authorization": f"Token {self.cast[name]['token']}"}
        return connect(
            address, additional_headers=headers, max_size=None, max_queue=None, compression=None
        )


async def receive(socket: ClientConnection) -> dict[str, Any]:
    """Returns the next frame, but not `waiting`, which comes at a time of its own."""
    while (frame := await receive_any(socket))["type"] == "waiting":
        pass
    return frame


async def receive_any(socket: ClientConnection) -> dict[str, Any]:
    frame: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE))
    return frame


async def until(
    socket: ClientConnection, reached: Callable[[dict[str, Any]], bool]
) -> list[dict[str, Any]]:
    """Returns the frames up to and with the first for which `reached` is true."""
    frames = []
    while True:
        frames.append(await receive(socket))
        if reached(frames[-1]):
            return frames


def is_last(frame: dict[str, Any]) -> bool:
    return frame["type"] in ("complete", "error", "cancelled")


async def send(socket: ClientConnection, content: str, **more: Any) -> str:
    """Sends a message; returns its client_id."""
    client_id = more.pop("client_id", None) or str(uuid.uuid4())
    await socket.send(
        json.dumps({"type": "message", "content": content, "client_id": client_id, **more})
    )
    return client_id


async def say(socket: ClientConnection, content: str, **more: Any) -> list[dict[str, Any]]:
    """Sends a message; returns the frames up to the end of its run."""
    client_id = await send(socket, content, **more)
    before = await until(
        socket, lambda f: f["type"] == "message" and f["message"]["client_id"] == client_id
    )
    run = before[-1]["run"]
    return before + await until(socket, lambda f: is_last(f) and f["run"] == run)


@contextlib.asynccontextmanager
async def watching(server: ServerProcess, **how: Any) -> AsyncIterator[ClientConnection]:
    """A connection that has had its `hello`."""
    async with server.client(**how) as socket:
        assert (await receive(socket))["type"] == "hello"
        yield socket


def seeded(var: Path, **env: str) -> dict[str, Any]:
    """Makes the cast in a database, migrated where it is not; returns who is in it."""
    made = forked.run(SEED, env=environment(var, **env), cwd=ROOT)
    assert made.returncode == 0, made.stderr.decode()
    seed: dict[str, Any] = json.loads(made.stdout)
    return seed


def create_database(template: str = "template1") -> str:
    """Creates a PostgreSQL database as a copy of `template`; returns its name."""
    name = f"samurai_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(os.environ["TEST_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


def drop_database(name: str) -> None:
    with psycopg.connect(os.environ["TEST_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def url_of_database(name: str) -> str:
    return os.environ["TEST_DATABASE_URL"].rpartition("/")[0] + f"/{name}"


@contextlib.contextmanager
def new_database(template: str = "template1") -> Iterator[str]:
    """A PostgreSQL database of its own, a copy of `template`; gives its URL."""
    name = create_database(template)
    try:
        yield url_of_database(name)
    finally:
        drop_database(name)


@pytest.fixture
def make_server(
    tmp_path: Path, seeded_var: tuple[Path, dict[str, Any]]
) -> Iterator[Callable[..., ServerProcess]]:
    """Starts servers, each with a database of its own, and stops them after the test."""
    started: list[ServerProcess] = []

    def make(**how: str) -> ServerProcess:
        var = tmp_path / f"server{len(started)}"
        source, seed = seeded_var
        shutil.copytree(source, var)
        server = ServerProcess(var, seed, **how)
        started.append(server)
        server.start()
        return server

    yield make
    for server in started:
        server.stop(signal.SIGKILL)
    for server in started:
        check_log(server.log)


async def close_code(server: ServerProcess, **how: Any) -> int:
    async with server.client(**how) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await until(socket, lambda frame: False)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code
