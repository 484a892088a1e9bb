"""`make bench`: measures everything with a performance target; `ARGS="stream page"` selects parts.

The time from an agent's callback to a client is compared with a bare ASGI application: real server
processes under the same uvicorn, real WebSocket clients in this process, SQLite, every event committed.
Machines are noisy, so rounds alternate, and the ratio of their medians counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from websockets.asyncio.client import connect  # noqa: E402

from benchmarks import batch, offline, page, recall  # noqa: E402  (needs the path)
from benchmarks.processes import server  # noqa: E402
from tests.support.server import environment  # noqa: E402

SESSIONS = 100
ROUNDS = 3


def main() -> None:
    for name in sys.argv[1:] or MEASURED:
        MEASURED[name]()


def stream() -> None:
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        token, sessions = _prepare(var)
        print("From callback to client: 100 runs at once, 20 events each, 50 ms apart")
        latency(var, token, sessions)
        print("\nFrames a second: 50 connections, no pause, every event committed")
        throughput(var, token, sessions)
        print("\nA run with one tool step, without the time of its model: from sending to the end")
        overhead(var, token, sessions)


def admin() -> None:
    # In another process, since Django uses another database in this one.
    print("\nThe admin's pages with 100,000 events, in the process", flush=True)
    subprocess.run([sys.executable, str(ROOT / "benchmarks" / "admin.py")], check=True)


MEASURED = {
    "stream": stream,
    "batch": batch.main,
    "admin": admin,
    "page": page.main,
    "offline": offline.main,
    "recall": recall.main,
}


def _prepare(var: Path) -> tuple[str, list[str]]:
    """Fills a new database with a user and sessions; returns the token and the sessions."""
    os.environ.update(environment(var))
    os.environ["DJANGO_SETTINGS_MODULE"] = "samurai_site.settings"
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connections

    from agent.accounts.tokens import create_token
    from agent.models import ChatSession, Project

    call_command("migrate", verbosity=0)
    user = User.objects.create_user("bench")
    project = Project.objects.create(name="Bench", owner=user)
    sessions = [str(ChatSession.objects.create(project=project).pk) for _ in range(SESSIONS)]
    key = create_token(user)[1]
    connections.close_all()
    return key, sessions


# -- latency ---------------------------------------------------------------------------------------


@dataclass
class ClientResult:
    """The events that one client received."""

    delays: list[float] = field(default_factory=list)  # milliseconds
    seqs: list[int] = field(default_factory=list)


def latency(var: Path, token: str, sessions: list[str]) -> None:
    rounds = []
    for _ in range(ROUNDS):
        with server(var, "benchmarks.app", PACE_EVENTS="20", PACE_PAUSE="0.05") as port:
            seen = asyncio.run(_watch_all(port, token, sessions))
        delays = sorted(delay for result in seen for delay in result.delays)
        whole = all(
            result.seqs == list(range(result.seqs[0], result.seqs[0] + 24)) for result in seen
        )
        p50, p99 = delays[len(delays) // 2], delays[len(delays) * 99 // 100]
        rounds.append((p50, p99))
        print(
            f"  p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {delays[-1]:.1f} ms, {len(delays)} events, "
            + ("none lost, none twice" if whole else "EVENTS LOST OR TWICE")
        )
    print(
        f"  median of {ROUNDS}: p50 {statistics.median(p50 for p50, _ in rounds):.1f} ms, "
        f"p99 {statistics.median(p99 for _, p99 in rounds):.1f} ms"
    )


async def _watch_all(port: int, token: str, sessions: list[str]) -> list[ClientResult]:
    ready = asyncio.Barrier(len(sessions))
    return list(
        await asyncio.gather(*(_watch(port, token, session, ready) for session in sessions))
    )


async def _watch(port: int, token: str, session: str, ready: asyncio.Barrier) -> ClientResult:
    seen = ClientResult()
    last = await _last_seq(port, token, session)
    async with _connect(port, token, session, after=last) as socket:
        await socket.recv()  # hello
        await ready.wait()
        await socket.send(_message())
        while True:
            frame = json.loads(await socket.recv())
            arrived = time.time()
            if "seq" not in frame:
                continue  # a heartbeat
            seen.seqs.append(frame["seq"])
            if frame["type"] == "progress":
                seen.delays.append((arrived - frame["progress"]["metadata"]["called"]) * 1000)
            if frame["type"] == "run" and frame["status"] == "succeeded":
                return seen


# -- throughput ------------------------------------------------------------------------------------


CONNECTIONS = 50
EVENTS = "1000"


def throughput(var: Path, token: str, sessions: list[str]) -> None:
    """Measures one run with 50 viewers and 50 runs with one viewer, next to the bare application."""
    rates: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        with server(var, "benchmarks.bare", FRAMES=EVENTS) as port:
            for path in ("burst", "broadcast"):
                rate = asyncio.run(_count_bare(port, path))
                rates.setdefault(f"bare, {path}", []).append(rate)
        with server(var, "benchmarks.app", PACE_EVENTS=EVENTS, PACE_PAUSE="0") as port:
            for name, chosen in (
                ("one run, 50 viewers", sessions[:1] * CONNECTIONS),
                ("50 runs, a viewer each", sessions[:CONNECTIONS]),
            ):
                rates.setdefault(name, []).append(asyncio.run(_count_ours(port, token, chosen)))
    burst, broadcast = (
        statistics.median(rates[f"bare, {path}"]) for path in ("burst", "broadcast")
    )
    for name, of_name in rates.items():
        median = statistics.median(of_name)
        print(
            f"  {name:24} {median:>9,.0f}   {median / burst:.2f} of the bare burst, "
            f"{median / broadcast:.2f} of the bare broadcast"
        )


async def _count_bare(port: int, path: str) -> float:
    ready = asyncio.Barrier(CONNECTIONS)

    async def one() -> tuple[int, float, float]:
        async with connect(f"ws://127.0.0.1:{port}/{path}", compression=None) as socket:
            await ready.wait()
            await socket.send("go")
            began = time.perf_counter()
            count = 0
            async for _ in socket:
                count += 1
            return count, began, time.perf_counter()

    return _rate(await asyncio.gather(*(one() for _ in range(CONNECTIONS))))


async def _count_ours(port: int, token: str, sessions: list[str]) -> float:
    """Sends one message per session; every connection counts events until the run's end."""
    ready = asyncio.Barrier(len(sessions))
    message = _message()  # one client_id for all viewers of a session, so that one run starts

    async def one(session: str) -> tuple[int, float, float]:
        last = await _last_seq(port, token, session)
        async with _connect(port, token, session, after=last) as socket:
            await socket.recv()
            await ready.wait()
            await socket.send(message)
            began = time.perf_counter()
            count = 0
            async for text in socket:
                count += '"seq":' in str(text)
                if count % 64 == 0:
                    ack = {"type": "ack", "seq": last + count}
                    await socket.send(json.dumps(ack))
                if '"status":"succeeded"' in str(text):
                    return count, began, time.perf_counter()
            raise AssertionError("the connection ended before the run")

    return _rate(await asyncio.gather(*(one(session) for session in sessions)))


async def _last_seq(port: int, token: str, session: str) -> int:
    async with _connect(port, token, session, after=2**60) as socket:
        last: int = json.loads(await socket.recv())["last_seq"]
        return last


def _rate(counted: list[tuple[int, float, float]]) -> float:
    frames = sum(count for count, _, _ in counted)
    return frames / (max(end for _, _, end in counted) - min(began for _, began, _ in counted))


# -- overhead ------------------------------------------------------------------------------------------

RUNS = 40  # of each kind
TARGET = 30.0  # milliseconds


def overhead(var: Path, token: str, sessions: list[str]) -> None:
    """Measures the time of a run without its model's, for a step that adds and one that needs a dry run."""
    with server(var, "benchmarks.planner") as port:
        for name, content in (("creates a task", "Create"), ("changes a task", "Change")):
            took = sorted(asyncio.run(_one_by_one(port, token, sessions[0], content)))
            median, p90 = statistics.median(took), took[len(took) * 9 // 10]
            verdict = "" if median < TARGET else ", ABOVE IT"
            print(
                f"  {name}: median {median:.1f} ms, p90 {p90:.1f} ms (bar {TARGET:g} ms{verdict})"
            )


async def _one_by_one(port: int, token: str, session: str, content: str) -> list[float]:
    last = await _last_seq(port, token, session)
    async with _connect(port, token, session, after=last) as socket:
        await socket.recv()  # hello
        runs = [await _beside_model(socket, f"{content} {n}") for n in range(RUNS)]
    return runs[5:]  # the first ones fill caches


async def _beside_model(socket: Any, content: str) -> float:
    """Returns the milliseconds of one run without its model's."""
    began = time.perf_counter()
    await socket.send(_message(content))
    while True:
        frame = json.loads(await socket.recv())
        if frame["type"] in ("error", "cancelled"):
            raise AssertionError(frame)
        if frame["type"] == "complete":
            took = time.perf_counter() - began
            await socket.send(json.dumps({"type": "ack", "seq": frame["seq"]}))
            return took * 1000 - frame["usage"]["input_tokens"] / 1000


def _connect(port: int, token: str, session: str, after: int = 0) -> Any:
    return connect(
        f"ws://127.0.0.1:{port}/ws/sessions/{session}/?after={after}",
        additional_headers={"Authorization": f"Token {token}"},
        compression=None,
        max_size=None,
    )


def _message(content: str = "Go") -> str:
    return json.dumps({"type": "message", "content": content, "client_id": str(uuid.uuid4())})


if __name__ == "__main__":
    main()
