"""Runs under fire: many sessions kept busy by followers while a server process is killed or stopped.

The harness of `tests/engine/test_durability.py` and `benchmarks/soak.py`. It makes the load and the trouble
and checks what is left afterwards; which trouble, and how much, is theirs to say.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
import sys
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from tests.support.busy_model import STEPS, titles
from tests.support.server import ROOT, ServerProcess, is_last

# Seconds that anything may take on a busy machine before the harness gives up.
PATIENCE = 60.0
# The frames without a number that come while all goes well.
ASIDES = ("hello", "heartbeat", "board", "interrupted", "draft", "waiting")
LEFT_OUT = (ConnectionClosed, InvalidHandshake, InvalidMessage, OSError, TimeoutError, EOFError)


# -- who watches -----------------------------------------------------------------------------------


@dataclass
class Follower:
    """A client as the protocol wants it: keeps its cursor, comes back, sends again what got lost.

    Of several servers it comes back to the next one, as behind a proxy.
    """

    servers: Sequence[ServerProcess]
    session: str
    name: str = "alice"
    bodies: list[str] = field(default_factory=list)  # every event, as it came
    jumps: list[tuple[int, int]] = field(default_factory=list)  # cursor, and what came instead
    unseen: dict[str, str] = field(default_factory=dict)  # client_id: order
    runs: dict[str, str] = field(default_factory=dict)  # run: what was said
    accepted_at: dict[str, float] = field(default_factory=dict)  # by run
    began_at: dict[str, float] = field(default_factory=dict)  # by run: the first progress
    ends: dict[str, dict[str, Any]] = field(default_factory=dict)  # run: its last frame
    closed_with: list[int | None] = field(default_factory=list)
    socket: ClientConnection | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def cursor(self) -> int:
        return len(self.bodies)

    async def follow(self) -> None:
        while True:
            with contextlib.suppress(*LEFT_OUT):
                await self._connection()
            self.servers = [*self.servers[1:], self.servers[0]]
            await asyncio.sleep(0.05)

    async def _connection(self) -> None:
        client = self.servers[0].client(self.name, session=self.session, after=self.cursor)
        async with client as socket:
            self.socket = socket
            try:
                for order in list(self.unseen.values()):
                    await socket.send(order)
                async for text in socket:
                    await self._take(socket, str(text))
            finally:
                self.socket = None
                self.closed_with.append(socket.close_code)

    async def _take(self, socket: ClientConnection, text: str) -> None:
        frame = json.loads(text)
        if "seq" not in frame:
            assert frame["type"] in ASIDES, frame
            return
        if frame["seq"] != self.cursor + 1:
            self.jumps.append((self.cursor, frame["seq"]))
        self.bodies.append(text)
        if self.cursor % 64 == 0:
            await socket.send(json.dumps({"type": "ack", "seq": self.cursor}))
        self._note(frame)
        self.news.set()

    def _note(self, frame: dict[str, Any]) -> None:
        run = frame.get("run")
        if frame["type"] == "message" and frame["message"]["role"] == "user":
            self.unseen.pop(frame["message"]["client_id"], None)
            self.runs[run] = frame["message"]["content"]
            self.accepted_at[run] = time.monotonic()
        elif frame["type"] == "steering":
            self.unseen.pop(frame["steering"].get("client_id", ""), None)
        elif frame["type"] == "progress":
            self.began_at.setdefault(run, time.monotonic())
        elif is_last(frame):
            self.ends[run] = frame

    def may_miss(self, frame: dict[str, Any]) -> bool:
        """Tells whether the event is of a memory that follows the end of its run, and came after all left."""
        is_of_memory = (
            frame["type"] == "change" or frame.get("progress", {}).get("step") == "memory"
        )
        return is_of_memory and self.ends[frame["run"]].get("remembers", False)

    async def connected(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.socket is None:
                await asyncio.sleep(0.02)

    async def say(self, content: str, **more: Any) -> None:
        """Sends a message, now or when the line is back."""
        client_id = str(uuid.uuid4())
        order = {"type": "message", "content": content, "client_id": client_id, **more}
        self.unseen[client_id] = json.dumps(order)
        await self.send(order)

    async def steer(self, run: str, content: str) -> None:
        """Sends a message into a run, now or when the line is back."""
        client_id = str(uuid.uuid4())
        order = {"type": "steer", "run": run, "content": content, "client_id": client_id}
        self.unseen[client_id] = json.dumps(order)
        await self.send(order)

    async def send(self, order: dict[str, Any]) -> None:
        if self.socket is not None:
            with contextlib.suppress(*LEFT_OUT):
                await self.socket.send(json.dumps(order))

    @property
    def unfinished(self) -> int:
        return len(self.unseen) + len(self.runs.keys() - self.ends.keys())

    async def down_to(self, unfinished: int) -> None:
        """Waits until no more than so many of what was said are without an end."""
        while self.unfinished > unfinished:
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), PATIENCE)

    async def saw(self, type: str, **fields: Any) -> dict[str, Any]:
        """Returns the newest event of a type with these fields, waiting for it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                self.news.clear()
                for body in reversed(self.bodies):
                    frame: dict[str, Any] = json.loads(body)
                    if frame["type"] == type and fields.items() <= frame.items():
                        return frame
                await self.news.wait()


@contextlib.asynccontextmanager
async def following(
    server: ServerProcess, sessions: Sequence[str], *others: ServerProcess, name: str = "alice"
) -> AsyncIterator[list[Follower]]:
    servers = [server, *others]
    followers = [
        Follower(servers[number % len(servers) :] + servers[: number % len(servers)], session, name)
        for number, session in enumerate(sessions)
    ]
    tasks = [asyncio.create_task(follower.follow()) for follower in followers]
    try:
        yield followers
        for task in tasks:
            assert not task.done(), task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def busy(followers: Sequence[Follower]) -> AsyncIterator[None]:
    """Keeps a run on its way and one queued in each session; at the end waits for all of them."""
    over = asyncio.Event()

    async def keep(number: int, follower: Follower) -> None:
        said = 0
        while not over.is_set():
            said += 1
            await follower.say(f"Viewer {number}, message {said}")
            await follower.down_to(1)
        await follower.down_to(0)

    async with asyncio.TaskGroup() as group:
        for number, follower in enumerate(followers, 1):
            group.create_task(keep(number, follower))
        try:
            yield
        finally:
            over.set()


# -- the trouble -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recovery:
    """What came of a kill: how many runs were on their way, and seconds until the last was driven."""

    in_flight: int
    down: float  # from the start of the new process to its first answer
    driven: float  # from that answer; negative: before it


async def kill_and_start(server: ServerProcess) -> Recovery:
    await asyncio.to_thread(server.stop, signal.SIGKILL)
    return await start_again(server)


async def start_again(server: ServerProcess) -> Recovery:
    held = _attempts(server)
    began = time.monotonic()
    watch = asyncio.create_task(when_driven(server, held))
    await asyncio.to_thread(server.start)
    up = time.monotonic()
    return Recovery(len(held), up - began, await watch - up)


def _attempts(server: ServerProcess) -> dict[str, int]:
    """Returns the attempt of each run that had been claimed and has not ended."""
    return dict(server.rows("SELECT id, attempt FROM agent_run WHERE status = 'running'"))


async def when_driven(server: ServerProcess, held: dict[str, int]) -> float:
    """Returns when the last of `held` had been claimed anew."""
    async with asyncio.timeout(PATIENCE):
        while any(_attempts(server).get(run) == attempt for run, attempt in held.items()):
            await asyncio.sleep(0.02)
    return time.monotonic()


async def all_running(server: ServerProcess, number: int) -> None:
    """Waits until so many runs are on their way."""
    async with asyncio.timeout(PATIENCE):
        while len(_attempts(server)) < number:
            await asyncio.sleep(0.02)


def add_sessions(server: ServerProcess, number: int, *, owner: str | None = None) -> list[str]:
    """Opens sessions beside the server, in its project, or each in a project of its own of `owner`."""
    made = [uuid.uuid4() for _ in range(number)]
    fresh = {"last_seq": 0, "run_count": 0, "title": ""}
    with server.database() as database:
        users = dict(database.execute("SELECT username, id FROM auth_user").fetchall())
        for one in made:
            own: dict[str, Any] = {"id": one.hex}
            if owner:
                _copy(database, "agent_project", server.project, {**own, "owner_id": users[owner]})
                own["project_id"] = one.hex
            _copy(database, "agent_chatsession", server.session, {**fresh, **own})
        database.commit()
    return [str(one) for one in made]


def _copy(database: Any, table: str, like: str, other: dict[str, Any]) -> None:
    """Inserts a row like the one with the key `like`, but for what is in `other`."""
    cursor = database.execute(f"SELECT * FROM {table} WHERE id = '{uuid.UUID(like).hex}'")
    row = dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))
    row.update(other)
    place = "?" if isinstance(database, sqlite3.Connection) else "%s"
    database.execute(
        f"INSERT INTO {table} ({','.join(row)}) VALUES ({','.join([place] * len(row))})",
        list(row.values()),
    )


async def library_process(
    server: ServerProcess, sessions: Sequence[str]
) -> asyncio.subprocess.Process:
    """Starts a process that carries out a message in each session at the same time, by the library."""
    pairs = [(session, f"Library {number}") for number, session in enumerate(sessions, 1)]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "tests" / "support" / "library_runs.py"),
        server.project,
        *chain.from_iterable(pairs),
        env=server.env,
        stdout=asyncio.subprocess.PIPE,
    )


# -- what is left ----------------------------------------------------------------------------------


def damage(server: ServerProcess, followers: Sequence[Follower]) -> list[str]:
    """Returns everything that is not as promised; empty when all is well."""
    found = [*_unfinished(server, followers), *_wrong_tasks(server, followers)]
    found += [text for follower in followers for text in _wrong_log(server, follower)]
    if server.env["DATABASE_URL"]:
        return found
    ((integrity,),) = server.rows("PRAGMA integrity_check")
    return found if integrity == "ok" else [*found, f"the database is corrupt: {integrity}"]


def _unfinished(server: ServerProcess, followers: Sequence[Follower]) -> list[str]:
    known = {uuid.UUID(run).hex for follower in followers for run in follower.runs}
    rows = [
        (uuid.UUID(str(key)).hex, *rest)
        for key, *rest in server.rows("SELECT id, status, error_code, lease_until FROM agent_run")
    ]
    found = [f"run {row[0]} is {row[1:]}" for row in rows if row[1:] != ("succeeded", "", None)]
    found += [f"nobody saw run {row[0]}" for row in rows if row[0] not in known]
    return found + [f"run {run} is lost" for run in known - {row[0] for row in rows}]


def _wrong_tasks(server: ServerProcess, followers: Sequence[Follower]) -> list[str]:
    said = [message for follower in followers for message in follower.runs.values()]
    wanted = Counter(title for message in said for title in titles(message))
    there = Counter(title for (title,) in server.rows("SELECT title FROM agent_task"))
    found = [
        f"task {title!r} is there {there[title]} times"
        for title in wanted | there
        if there[title] != wanted[title]
    ]
    ((chained,),) = server.rows("SELECT count(*) FROM agent_task_depends_on")
    expected = len(said) * sum(map(bool, STEPS.values()))
    return found if chained == expected else [*found, f"{chained} dependencies, not {expected}"]


def _wrong_log(server: ServerProcess, follower: Follower) -> list[str]:
    session = uuid.UUID(follower.session).hex
    log = server.rows(
        f"SELECT seq, body FROM agent_event WHERE session_id = '{session}' ORDER BY seq"
    )
    found = [f"at {before} came {seq}" for before, seq in follower.jumps]
    if [seq for seq, _ in log] != list(range(1, len(log) + 1)):
        found.append(f"the numbers of session {session} have gaps")
    bodies = [body for _, body in log]
    late = map(json.loads, bodies[follower.cursor :])
    if bodies[: follower.cursor] != follower.bodies or not all(map(follower.may_miss, late)):
        found.append(f"session {session} has another log than its viewer saw")
    return found + _wrong_order([json.loads(body) for _, body in log])


def _wrong_order(log: Sequence[dict[str, Any]]) -> list[str]:
    """Looks for what was done again: a step after it succeeded, a phase after it finished, an end."""
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    behind: set[tuple[str, str]] = set()
    for event in log:
        if event["type"] == "step":
            told[event["run"], event["step"]["id"]].append(event["step"]["status"])
        elif event["type"] == "progress" and "step_id" not in event["progress"]["metadata"]:
            step, metadata = event["progress"]["step"], event["progress"]["metadata"]
            if "phase" in metadata:  # others, such as a word on a resumed run, come when they come
                told[event["run"], step].append(metadata["phase"])
        elif is_last(event):
            told[event["run"], "the end"].append("finished")
            if event.get("remembers"):  # the end of the memory may come later, or with the next run
                behind.add((event["run"], "memory"))
    return [
        f"{what} of run {run} went {states}"
        for (run, what), states in told.items()
        if set(states[:-1]) - {"running", "started"}
        or states[-1] not in ("succeeded", "finished", *(["started"] * ((run, what) in behind)))
    ]
