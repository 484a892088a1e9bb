"""The example package of docs/extending.md: where it is, its code in the page, and what its tools talk to."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.documents import DOCS
from tests.support.model_server import Handler, Request, by_schema
from tests.support.server import ROOT

FOLDER = ROOT / "tests" / "example_app"
# The environment of a server that has the package as a Django application.
AS_APP = {"SAMURAI_APPS": "our_tools", "PYTHONPATH": f"{ROOT}:{FOLDER}"}


def blocks() -> dict[str, str]:
    """Returns the files in docs/extending.md: the code after each line that is the name of one."""
    found = re.findall(
        r"^`([\w/.]+)`:\n\n```\w+\n(.*?)```$", DOCS["docs/extending.md"], re.M | re.S
    )
    return dict(found)


class Board:
    """A web address that takes titles. `gate`: closed, it holds all requests but the first."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str]] = []  # key and title
        self.failures = 0  # so many requests fail before one is taken
        self.gate = threading.Event()
        self.gate.set()
        self.url = ""

    def take(self, key: str, title: str) -> int:
        if self.received:
            self.gate.wait(30)
        if self.failures:
            self.failures -= 1
            return 503
        self.received.append((key, title))
        return 204


@contextmanager
def opened_board() -> Iterator[Board]:
    board = Board()

    class Requests(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            title = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.send_response(board.take(self.headers["Idempotency-Key"], title))
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Prints nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        board.url = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield board
        finally:
            board.gate.set()
            server.shutdown()
            thread.join()


def step(id: str, tool: str, *needs: str, **arguments: Any) -> dict[str, Any]:
    return {
        "id": id,
        "type": "tool",
        "tool": tool,
        "description": tool.replace("_", " ").capitalize(),
        "arguments": arguments,
        "depends_on": list(needs),
    }


def planning(plans: dict[str, list[dict[str, Any]]]) -> Handler:
    """Returns the handler of a model that plans the steps of the message's first word."""

    def analysis(request: Request) -> dict[str, Any]:
        return {"intent": "command", "summary": "Wants it", "needs_tools": True, "question": ""}

    def plan(request: Request) -> dict[str, Any]:
        return {"summary": "As it was said", "steps": plans[request.message.split()[0]]}

    return by_schema(analysis=analysis, plan=plan, memory={"notes": []}, answer="Done.")
