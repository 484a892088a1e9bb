"""The log of real processes: its ids, one line for each record as JSON, and no text in it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agent.models import Membership, Project
from agent.models.projects import Role
from agent.support import log_context
from agent.support.log_lines import JsonFormatter, TextFormatter
from tests.support import failing_tools
from tests.support.databases import seeded_database
from tests.support.model_server import ModelServer
from tests.support.server import (
    PATIENCE,
    ROOT,
    Process,
    ServerProcess,
    WorkerProcess,
    environment,
    say,
    watching,
)

MARK = "Zwiebelkuchen"
JSON = {"SAMURAI_LOG_FORMAT": "json"}
Line = dict[str, Any]


# What commands print for the one who starts them, which the tests have in the same file.
PRINTED = {
    "daphne": re.compile(
        r"Performing system|System check|Django version|Starting ASGI|Quit the|\w+ \d+, 2|$"
    ),
    "worker": re.compile(r"Launching a worker on"),
}


def lines(process: Process) -> list[Line]:
    """Returns the whole log, each line of which is an object."""
    every = process.log.read_text().splitlines()
    kind = "worker" if isinstance(process, WorkerProcess) else getattr(process, "program", "")
    if printed := PRINTED.get(kind):
        every = [line for line in every if not printed.match(line)]
    return [json.loads(line) for line in every]


def connected(model: ModelServer) -> dict[str, str]:
    return {"OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": f"sk-{MARK}", **JSON}


def get(url: str, **headers: str) -> tuple[int, Any]:
    """Returns the status and the headers. In names, `_` stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=named), timeout=30)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        return response.status, response.headers


async def story(server: ServerProcess, request: str) -> str:
    """Plays a run whose tools fail, and requests that fail; returns the run."""
    headers = {
        "Authorization": f"Token {server.cast['alice']['token']}",
        "X-Request-ID": request,
    }
    async with watching(server, headers=headers) as viewer:
        frames = await say(viewer, f"Please make {MARK}")
    token = {"Authorization": headers["Authorization"], "Cookie": f"sessionid={MARK}"}
    for path in (
        f"/nowhere/?q={MARK}",
        f"/sign-in/{MARK}/more/",
        f"/sign-in/{MARK}/",
        f"/api/search/?q={MARK}",
    ):
        await asyncio.to_thread(lambda p=path: get(server.url + p, **token))  # type: ignore[misc]
    return str(frames[-1]["run"])


def check_story(told: list[Line], run: str, session: str, request: str) -> None:
    """Checks that each line of the run has its ids, from whatever thread."""
    of_run = [line for line in told if line.get("run") == run]
    assert {(line["session"], line["request"]) for line in of_run} == {(session, request)}
    said = {line["message"] for line in of_run}
    assert {"In the commit", "In the reading", "In a thread"} <= said
    failed = [line["error"] for line in of_run if line["message"].startswith("The tool fail_")]
    assert {error["type"] for error in failed} == {"ValueError", "KeyError", "RuntimeError"}
    assert all(any("failing_tools/tools.py" in place for place in one["frames"]) for one in failed)
    named = [line for line in told if "In the" in line["message"] or "In a" in line["message"]]
    assert all(line["run"] == run for line in named)


# -- a story -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["uvicorn", "daphne"])
async def test_no_line_of_a_story_has_a_text_and_each_line_of_its_run_has_its_ids(
    make_server: Callable[..., ServerProcess], tmp_path: Path, program: str
) -> None:
    env, request = failing_tools.installed(tmp_path), f"from-{uuid4()}"
    with ModelServer(failing_tools.planning(MARK)) as model:
        how = {**connected(model), **env}
        server = await asyncio.to_thread(lambda: make_server(program=program, **how))
        run = await story(server, request)
        await asyncio.to_thread(server.stop)
    told = lines(server)
    check_story(told, run, server.session, request)
    assert MARK not in server.log.read_text()
    assert server.cast["alice"]["token"] not in server.log.read_text()
    if program == "uvicorn":
        of_uvicorn = [line["message"] for line in told if line["logger"].startswith("uvicorn")]
        assert "Application startup complete." in of_uvicorn
        # It was started without a log of requests, and a WebSocket is one.
        assert not [text for text in of_uvicorn if re.search("GET|WebSocket|^connection", text)]
    warned = [line["message"] for line in told if line["logger"] == "django.request"]
    assert "Not Found: /sign-in/…/more/" in warned


async def test_texts_are_written_when_a_setting_asks_for_them(
    make_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    env = {**failing_tools.installed(tmp_path), "SAMURAI_LOG_TEXTS": "true"}
    with ModelServer(failing_tools.planning(MARK)) as model:
        server = await asyncio.to_thread(lambda: make_server(**connected(model), **env))
        await story(server, "story")
    errors = [line["error"] for line in lines(server) if "error" in line]
    assert {error["text"] for error in errors} >= {MARK, f"'{MARK}'", f"failed for {MARK}"}


@pytest.mark.postgresql
@pytest.mark.redis
async def test_the_lines_of_a_worker_have_the_request_of_the_server(tmp_path: Path) -> None:
    request = f"from-{uuid4()}"
    with (
        ModelServer(failing_tools.planning(MARK)) as model,
        seeded_database(tmp_path) as (url, seed),
    ):
        env = {
            **failing_tools.installed(tmp_path),
            **connected(model),
            "DATABASE_URL": url,
            "REDIS_URL": os.environ["TEST_REDIS_URL"],
            "SAMURAI_ENGINE": "procrastinate",
        }
        server, worker = (
            ServerProcess(tmp_path, seed, **env),
            WorkerProcess(tmp_path, "worker", **env),
        )
        try:
            worker.start()
            await asyncio.to_thread(server.start)
            run = await story(server, request)
        finally:
            worker.stop(signal.SIGTERM)
            server.stop(signal.SIGTERM)
    check_story(lines(worker), run, server.session, request)
    for process in (server, worker):
        assert lines(process) is not None
        assert MARK not in process.log.read_text()


# -- requests ----------------------------------------------------------------------------------------


async def test_a_request_keeps_its_valid_id_and_gets_another_one_for_an_invalid(
    server: ServerProcess,
) -> None:
    status, headers = get(f"{server.url}/nowhere/", X_Request_ID="edge-1.2_3")
    assert (status, headers["X-Request-ID"]) == (404, "edge-1.2_3")
    for invalid in ("", "a b", "x" * 65, "é", '"}', "-first"):
        given = get(f"{server.url}/nowhere/", X_Request_ID=invalid)[1]["X-Request-ID"]
        assert len(given) == 32
        int(given, 16)
    first, second = (get(f"{server.url}/nowhere/")[1]["X-Request-ID"] for _ in range(2))
    assert first != second
    async with server.client(
        headers={"Authorization": f"Token {server.cast['alice']['token']}", "X-Request-ID": "ws-1"}
    ) as viewer:
        assert viewer.response is not None
        assert viewer.response.headers["X-Request-ID"] == "ws-1"
    assert "request=edge-1.2_3" in server.log.read_text()


# -- formats -----------------------------------------------------------------------------------------


def record(message: str, *args: Any, name: str = "agent.x", error: Any = None) -> Any:
    info = (type(error), error, error.__traceback__) if error is not None else None
    made = logging.LogRecord(name, logging.ERROR, "x.py", 1, message, args, info)
    assert log_context.IdsFilter().filter(made)
    return made


def raised(error: Exception) -> BaseException:
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()], ids=["json", "text"])
def test_errors_show_no_text_but_those_of_the_system(formatter: logging.Formatter) -> None:
    group = ExceptionGroup(MARK, [raised(ValueError(MARK)), raised(TypeError(MARK))])
    for made in (
        record("It failed: %s", ValueError(MARK)),
        record("It failed", error=raised(group)),
        record(f"Task exception\nfuture: <Task exception=ValueError('{MARK}')>", name="asyncio"),
        record(f"Exception in callback show('{MARK}') at x.py:1\nhandle: x", name="asyncio"),
        record("%s - %s", "127.0.0.1", f"/search/?q={MARK}", name="uvicorn.access"),
        record("Not Found: %s", f"/sign-in/{MARK}/", name="django.request"),
    ):
        assert MARK not in formatter.format(made)
    told = formatter.format(record("It failed: %s", ConnectionRefusedError(111, "Refused")))
    assert "It failed: ConnectionRefusedError: Refused" in told
    assert formatter.format(record("100 % of it")).count("100 % of it") == 1


def test_json_is_one_line_whatever_is_in_it() -> None:
    made = record("a\nb\u2028c %s", '"\n', error=raised(ValueError("x\ny")))
    (line,) = JsonFormatter(texts=True).format(made).splitlines()
    told = json.loads(line)
    assert (told["message"], told["error"]["text"]) == ('a\nb\u2028c "\n', "x\ny")


def test_json_tells_what_an_error_was_raised_from() -> None:
    error = raised(ValueError())
    error.__cause__ = raised(ConnectionResetError(104, "Reset"))
    told = json.loads(JsonFormatter().format(record("It failed", error=error)))["error"]
    assert (told["type"], told["cause"]["type"]) == ("ValueError", "ConnectionResetError")
    assert told["cause"]["text"] == "Reset"


@pytest.mark.django_db
def test_a_refusal_has_one_line_without_a_traceback(
    client: Client, project: Project, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    Membership.objects.create(project=project, user=bob, role=Role.VIEWER)
    client.force_login(bob)
    handler = next(
        one for one in logging.getLogger("django").handlers if one.get_name() == "stderr"
    )
    monkeypatch.setattr(handler, "stream", StringIO())
    response = client.post(f"/projects/{project.pk}/edit/", {"name": "Mine", "description": ""})
    assert response.status_code == 403
    (line,) = handler.stream.getvalue().splitlines()  # type: ignore[attr-defined]
    assert "Forbidden" in line


def test_text_has_the_traceback_below_its_line() -> None:
    told = TextFormatter(texts=True).format(record("It failed", error=raised(ValueError("why"))))
    first, second, *_, last = told.splitlines()
    assert first.endswith("ERROR agent.x: It failed")
    assert (second, last) == ("Traceback (most recent call last):", "ValueError: why")


def test_a_command_writes_json_also_for_warnings(migrated_var: Path) -> None:
    code = "import warnings; warnings.warn('Beware'); import logging; logging.error('Root')"
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--verbosity=0", "-c", code],
        cwd=ROOT,
        env=environment(migrated_var, **JSON),
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=True,
    )
    warned, root = (json.loads(line) for line in done.stderr.splitlines())
    assert (warned["logger"], root["message"]) == ("py.warnings", "Root")
    assert "Beware" in warned["message"]
