"""The time to the first byte of a session's page: a part of `make bench`."""

from __future__ import annotations

import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.people import ROOT, Seat, seats
from benchmarks.processes import server
from benchmarks.results import Bar, Row, add
from tests.support.server import environment

PART = "The session's page"
ROUNDS, VISITS = 3, 20
MESSAGES = (200, 2000)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        made = seats(var, len(MESSAGES))
        for seat, messages in zip(made, MESSAGES, strict=True):
            fill = [sys.executable, "-m", "tests.support.long_session"]
            arguments = [seat.session, str(messages // 2)]
            subprocess.run([*fill, *arguments], cwd=ROOT, env=environment(var), check=True)
        with server(var, "samurai_site.asgi") as served:
            measure(served.port, made)


def measure(port: int, made: list[Seat]) -> None:
    took: dict[int, list[float]] = {messages: [] for messages in MESSAGES}
    for number in range(ROUNDS + 1):
        for seat, messages in zip(made, MESSAGES, strict=True):
            path = f"/sessions/{seat.session}/"
            median = statistics.median(times_to_first_byte(port, path, seat, VISITS))
            if number:  # the first round fills caches
                took[messages].append(median)
    for messages, values in took.items():
        add(Row(PART, f"{messages:,} messages, first byte", "ms", values, Bar(30)))


def times_to_first_byte(port: int, path: str, seat: Seat, visits: int) -> list[float]:
    """Returns the milliseconds of each visit, all over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Cookie": f"sessionid={seat.cookie}", "Accept-Encoding": "gzip"}
    found = []
    for _ in range(visits):
        began = time.perf_counter()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        found.append((time.perf_counter() - began) * 1000)
        answer.read()
        assert answer.status == 200, (path, answer.status)
    connection.close()
    return found
