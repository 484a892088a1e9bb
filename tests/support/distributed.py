"""Two servers and two workers on one PostgreSQL and Redis, and a model that waits where a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.databases import seeded_database
from tests.support.model_server import Answer, Gate, ModelServer, Request, held, said, words
from tests.support.proxy import Proxy
from tests.support.server import PATIENCE, ServerProcess, WorkerProcess


class Model:
    """Plans two tasks for each message, and waits where a test wants it to."""

    def __init__(self) -> None:
        self.gates: dict[tuple[str, str], Gate] = {}
        self.requests: list[Request] = []

    def gate(self, asked: str, message: str) -> Gate:
        gate = self.gates[asked, message] = Gate()
        return gate

    def asked(self, asked: str, message: str) -> list[Request]:
        return [r for r in self.requests if (r.asked, r.message) == (asked, message)]

    def handle(self, request: Request) -> Answer:
        self.requests.append(request)
        answer = self._answer(request)
        gate = self.gates.get((request.asked, request.message))
        return answer if gate is None else held(answer, gate)

    def _answer(self, request: Request) -> Answer:
        match request.asked:
            case "analysis":
                understood = {"intent": "command", "summary": "Two tasks", "question": ""}
                return said({**understood, "needs_tools": True})
            case "plan":
                steps = [step("a", request.message), step("b", request.message, "a")]
                return said({"summary": "Two tasks", "steps": steps})
            case "memory":
                return said({"notes": []})
            case _:
                return words(f"Done: {request.message}")


def step(key: str, message: str, *after: str) -> dict[str, Any]:
    title = f"{message}, {key}"
    return {
        "id": key,
        "type": "tool",
        "tool": "create_task",
        "description": f"Create “{title}”",
        "arguments": {"title": title},
        "depends_on": list(after),
    }


class Site:
    """The processes. `web` have one address each; a worker is found by the run that it drives."""

    def __init__(self, var: Path, model: Model, proxy: Proxy, seed: Any, env: dict[str, str]):
        self.model, self.proxy, self.env = model, proxy, env
        self.web = [ServerProcess(var, seed, name=f"web{n}", **env) for n in range(2)]
        self.workers = [WorkerProcess(var, f"worker{n}", **env) for n in range(2)]

    def start(self) -> None:
        for process in (*self.workers, *self.web):
            if process.process is None:
                process.start()

    def stop(self) -> None:
        for process in (*self.workers, *self.web):
            process.stop(signal.SIGKILL)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.web[0].rows(query)

    def run(self, message: str, columns: str) -> tuple[Any, ...]:
        return self.rows(
            f"SELECT {columns} FROM agent_run r JOIN agent_message m ON m.id = r.message_id "
            f"WHERE m.content = '{message}'"
        )[0]

    def runner(self, message: str) -> WorkerProcess | None:
        owner = self.run(message, "r.lease_owner")[0]
        return next(
            (
                w
                for w in self.workers
                if w.process and owner.split(":")[1:2] == [str(w.process.pid)]
            ),
            None,
        )

    def check_done_once(self, message: str) -> None:
        titles = self.rows(
            f"SELECT title FROM agent_task WHERE title LIKE '{message}, %' ORDER BY 1"
        )
        assert titles == [(f"{message}, a",), (f"{message}, b",)]
        assert self.run(message, "r.status") == ("succeeded",)
        answers = f"SELECT count(*) FROM agent_message WHERE content = 'Done: {message}'"
        assert self.rows(answers) == [(1,)]
        for session in (self.web[0].session, self.web[0].other_session):
            seqs = self.rows(
                f"SELECT seq FROM agent_event WHERE session_id = '{session}' ORDER BY 1"
            )
            assert seqs == [(n,) for n in range(1, len(seqs) + 1)]


@contextlib.contextmanager
def running(var: Path, **more: str) -> Iterator[Site]:
    redis = urlsplit(os.environ["TEST_REDIS_URL"])
    model = Model()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(ModelServer(model.handle))
        proxy = stack.enter_context(Proxy(redis.hostname or "127.0.0.1", redis.port or 6379))
        url, seed = stack.enter_context(seeded_database(var))
        env = {
            "DATABASE_URL": url,
            "REDIS_URL": redis._replace(netloc=f"127.0.0.1:{proxy.port}").geturl(),
            "SAMURAI_ENGINE": "procrastinate",
            "OPENAI_API_KEY": "key",
            "OPENAI_BASE_URL": server.base_url,
            **more,
        }
        site = Site(var, model, proxy, seed, env)
        stack.callback(site.stop)
        site.start()
        yield site


async def eventually(reached: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Returns what `reached` returns once that is something."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if found := await asyncio.to_thread(reached):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come to that in time")
