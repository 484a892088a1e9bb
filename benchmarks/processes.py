"""The server processes of the benchmarks, under the same uvicorn as `make run`."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.support.server import ROOT, environment, free_port, new_database


@dataclass(frozen=True)
class Running:
    """A process of the product."""

    process: psutil.Process

    @property
    def processor(self) -> float:
        """The seconds of processor time that it has used."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    @property
    def memory(self) -> int:
        """The bytes that it has in memory."""
        return int(self.process.memory_info().rss)


@dataclass(frozen=True)
class Served(Running):
    """A server that answers."""

    port: int
    started_in: float  # seconds until its first answer


@contextlib.contextmanager
def server(var: Path, app: str, *, port: int = 0, **env: str) -> Iterator[Served]:
    port = port or free_port()
    began = time.monotonic()
    process = subprocess.Popen(_command(app, port), cwd=ROOT, env=environment(var, **env))
    with _ended(process):
        _wait(process, port)
        yield Served(psutil.Process(process.pid), port, time.monotonic() - began)


@contextlib.contextmanager
def worker(var: Path, **env: str) -> Iterator[Running]:
    """A worker that executes runs. It may not have started yet."""
    command = [sys.executable, "manage.py", "procrastinate", "worker", "--queues", "runs"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(var, **env))
    with _ended(process):
        yield Running(psutil.Process(process.pid))


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Ends the process after the block."""
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _command(app: str, port: int) -> list[str]:
    command = [sys.executable, "-m", "uvicorn", f"{app}:application", "--port", str(port)]
    is_peer = app.startswith("benchmarks.peers.")
    protocol = "websockets-sansio" if is_peer else "chat.socket_protocol:SocketProtocol"
    command += ["--ws", protocol, "--ws-max-size", "1048576"]
    command += ["--ws-per-message-deflate", "false", "--loop", "uvloop", "--no-access-log"]
    command += ["--ws-ping-interval", "45"]
    return [*command, "--timeout-graceful-shutdown", "2", "--log-level", "warning"]


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/accounts/sign-in/", timeout=5).close()
            return
        except (urllib.error.HTTPError, http.client.HTTPException):
            return
        except OSError:
            time.sleep(0.01)
    raise AssertionError("the server did not start")


def seeded(var: Path) -> dict[str, Any]:
    """Fills the database in `var` with the fixed cast; returns who they are."""
    command = [sys.executable, "-m", "tests.support.seed"]
    made = subprocess.run(
        command, cwd=ROOT, env=environment(var), check=True, capture_output=True, text=True
    )
    seed: dict[str, Any] = json.loads(made.stdout)
    return seed


def on_each_database(script: str) -> Iterator[tuple[str, bytes]]:
    """Runs `script` on SQLite, and on PostgreSQL where TEST_DATABASE_URL is set, each in a process of its
    own, since Django uses one database in each. Yields the database's name and what was printed.
    """
    yield "SQLite", _run(script, "")
    if os.environ.get("TEST_DATABASE_URL"):
        with new_database() as url:
            yield "PostgreSQL", _run(script, url)


def _run(script: str, url: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        env = environment(Path(folder), DATABASE_URL=url)
        env["DJANGO_SETTINGS_MODULE"] = "samurai_site.settings"
        command = [sys.executable, script]
        return subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE).stdout
