"""The product and its peers, as the measurements of streams see them: servers at which runs report."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.client import Connection, Socket, Stream
from benchmarks.peers.pace import Pace
from benchmarks.people import ROOT, Seat, seats
from benchmarks.processes import Served, server
from tests.support.server import environment, new_database

_SEQ = re.compile(rb'"seq":\s?(\d+)')
_CALLED = re.compile(rb'"called":\s?([\d.]+)')


class Reader(Connection):
    """A connection that follows one run, and knows whether an event was lost or came twice."""

    acknowledges = False

    def follow(self, after: int = 0) -> Reader:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()
        self.last_seq = after
        self.is_whole = True
        self.calls: list[tuple[float, float]] = []  # when the callback was called, and the arrival
        return self

    def received(self, body: bytes, now: float) -> None:
        if body.startswith(b'{"type":"hello"'):
            self.ready.set_result(None)
        elif (found := _SEQ.search(body)) is not None:
            self._event(int(found[1]), body, now)

    def _event(self, seq: int, body: bytes, now: float) -> None:
        if seq != self.last_seq + 1:
            self.is_whole = False
        self.last_seq = seq
        if (called := _CALLED.search(body)) is not None:
            self.calls.append((float(called[1]), now))
        elif b'"status":"succeeded"' in body and not self.done.done():
            self.done.set_result(None)
        if self.acknowledges and seq % 64 == 0:
            self.send(json.dumps({"type": "ack", "seq": seq}))

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if not self.done.done():
            code = getattr(self, "code", 0)
            told = (
                f"the connection ended before the run, after {len(self.calls)} events, with {code}"
            )
            self.done.set_exception(ConnectionError(told))
            self.done.exception()  # so that nobody needs to look at it

    def send(self, text: str) -> None:
        raise NotImplementedError


class OurReader(Socket, Reader):
    acknowledges = True


class PeerReader(Socket, Reader):
    pass


class StreamReader(Stream, Reader):
    pass


@dataclass(frozen=True)
class Side:
    """A server at which runs report."""

    name: str
    served: Served
    share: float = 1.0  # of the events of a burst: a slow peer gets fewer

    is_ours = False
    has_viewers = True  # a run may have several

    def set_pace(self, pace: Pace) -> None:
        """Sets how the next runs report."""

    def reader(self, seat: Seat, pace: Pace) -> Reader:
        path = f"/run/{seat.session}?{pace.query}"
        return PeerReader(path, {}).follow()

    def begin(self, reader: Reader) -> None:
        reader.send("go")

    def ended(self, seat: Seat, reader: Reader) -> None:
        """The reader has seen the whole run."""


@dataclass(frozen=True)
class Ours(Side):
    """Knows the cursors of its sessions, whose logs are empty at first."""

    is_ours = True
    cursors: dict[str, int] = field(default_factory=dict)

    def set_pace(self, pace: Pace) -> None:
        address = f"http://127.0.0.1:{self.served.port}/benchmark/set?{pace.query}"
        urllib.request.urlopen(address).close()

    def reader(self, seat: Seat, pace: Pace) -> Reader:
        after = self.cursors.get(seat.session, 0)
        path = f"/ws/sessions/{seat.session}/?after={after}"
        return OurReader(path, seat.as_program).follow(after)

    def ended(self, seat: Seat, reader: Reader) -> None:
        self.cursors[seat.session] = reader.last_seq

    def begin(self, reader: Reader) -> None:
        message = {"type": "message", "content": "Go", "client_id": str(uuid.uuid4())}
        reader.send(json.dumps(message))


class Streams(Side):
    """Each request of a stream begins a run."""

    has_viewers = False

    def reader(self, seat: Seat, pace: Pace) -> Reader:
        reader = StreamReader(f"/run/{seat.session}?{pace.query}", {}).follow()
        reader.ready.set_result(None)
        return reader

    def begin(self, reader: Reader) -> None:
        pass


@contextmanager
def all_sides(folder: Path, number: int) -> Iterator[tuple[Ours, list[Side], list[Seat]]]:
    """Starts the product with `number` seats, and the peers."""
    with ExitStack() as stack:
        ours = stack.enter_context(product(folder / "ours", number))
        peers: list[Side] = [Side("bare", stack.enter_context(bare(folder)))]
        served, _ = stack.enter_context(channels(folder))
        peers.append(Side("channels", served, 0.05))
        sse = server(folder, "benchmarks.peers.sse")
        peers.append(Streams("sse", stack.enter_context(sse)))
        yield ours[0], peers, ours[1]


@contextmanager
def product(var: Path, number: int, **env: str) -> Iterator[tuple[Ours, list[Seat]]]:
    made = seats(var, number, **env)
    with server(var, "benchmarks.app", SAMURAI_MAX_ACTIVE_RUNS="2000", **env) as served:
        yield Ours("ours", served), made


@contextmanager
def product_on_postgresql(var: Path, number: int) -> Iterator[tuple[Ours, list[Seat]]]:
    with new_database() as url, product(var, number, DATABASE_URL=url) as made:
        yield made


def have_postgresql() -> bool:
    return bool(os.environ.get("TEST_DATABASE_URL"))


def bare(folder: Path, port: int = 0) -> Iterator[Served]:
    return server(folder, "benchmarks.peers.bare", port=port)  # type: ignore[return-value]


@contextmanager
def channels(folder: Path) -> Iterator[tuple[Served, str]]:
    """Gives the server, and the cookie of its user."""
    var = folder / "channels"
    var.mkdir(exist_ok=True)
    made = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "peers" / "channels_app.py")],
        cwd=ROOT,
        env=environment(var),
        check=True,
        stdout=subprocess.PIPE,
    )
    with server(var, "benchmarks.peers.channels_app") as served:
        yield served, json.loads(made.stdout)
