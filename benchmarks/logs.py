"""What logs and traces cost a run: a part of `make bench`, when named.

Processor time of the server for each run, with an instant model. All servers run at the same time and take
turns, so that the ratio of their medians counts on a noisy machine.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks import client
from benchmarks.people import seats
from benchmarks.processes import Served, server
from benchmarks.results import Bar, Row, add
from benchmarks.runs import Person

PART = "Logs and traces, processor time of a run"
ROUNDS, RUNS = 9, 20
LINES = "5"  # of each run: a run without trouble writes none
SIDES = {
    "no log": {"LOG_LINES": LINES, "LOG_OFF": "1"},
    "text": {"LOG_LINES": LINES},
    "json": {"LOG_LINES": LINES, "SAMURAI_LOG_FORMAT": "json"},
    "without traces' checks": {"UNTRACED": "1"},
    "traces off": {},
    "traces on": {},  # with the receiver's address
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        receiver = stack.enter_context(_Receiver())
        served: dict[str, tuple[Served, Any]] = {}
        (first := Path(folder) / "first").mkdir()
        made = seats(first, 1)
        for number, (name, env) in enumerate(SIDES.items()):
            var = Path(shutil.copytree(first, Path(folder) / str(number)))
            if name == "traces on":
                env = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
            app = "benchmarks.logged"
            served[name] = stack.enter_context(server(var, app, **env)), made[0]
        used = client.run(_measure(served))
    _tell("5 lines as text", used["text"], "no log", used["no log"], 1.05)
    _tell("5 lines as JSON", used["json"], "no log", used["no log"], 1.05)
    checks = "without traces' checks"
    _tell("traces off", used["traces off"], checks, used[checks], 1.05)
    _tell("traces on", used["traces on"], "traces off", used["traces off"], None)


def _tell(name: str, values: list[float], of: str, others: list[float], bar: float | None) -> None:
    add(Row(PART, name, "ms", values, bar and Bar(bar, of), peers={of: others}))


async def _measure(served: dict[str, tuple[Served, Any]]) -> dict[str, list[float]]:
    """Returns by side the milliseconds of a run, for each round."""
    people = {}
    for name, (side, seat) in served.items():
        people[name] = await client.opened(side.port, Person(seat))
        await people[name].ready
    used: dict[str, list[float]] = {name: [] for name in served}
    for number in range(ROUNDS + 1):
        for name, (side, _) in served.items():
            before = side.processor
            for run in range(RUNS):  # in the first round, to fill caches
                await people[name].ask(f"Create {run}")
            await asyncio.sleep(0.1)  # what follows the end of a run
            if number:
                used[name].append((side.processor - before) * 1000 / RUNS)
    for person in people.values():
        person.close()
    return used


class _Receiver:
    """Takes spans and forgets them."""

    def __enter__(self) -> _Receiver:
        class Requests(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Prints nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
