"""The examples of docs/clients.md, run unchanged against a real server."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents import DOCS, examples
from tests.support.server import ServerProcess, say, watching
from tests.support.services import ROOT, node_path

CLIENTS = DOCS["docs/clients.md"]
ALL = dict(re.findall(r"^## (.+?)$(.*?)(?=^## |\Z)", CLIENTS, re.M | re.S))
IN_TEST_DOCS = {
    "WebSocket",
    "Library",
}  # programs with arguments: `tests/site/test_docs.py` runs them
SECTIONS = {title: text for title, text in ALL.items() if title not in IN_TEST_DOCS}
# What each way prints, in whatever language.
PRINTED = {
    "Before you start": r"Clinic booking",
    "One request": r"Write the docs",
    "A stream of one answer": r"Analyzing your request",
    "Follow a session": r"plan",
    "Poll": r"complete",
    "Approve a plan": r"s1 \['Test the login'\]\n200",
    "Steer a run": r"applied Also create a task to test the search",
    "Tasks and memories": r"completed\n412 The object has changed|in_progress.*We use PostgreSQL",
    "AG-UI": r"RUN_FINISHED|· start[\s\S]*Write the docs",
}


def of(language: str) -> list[Any]:
    return [
        pytest.param(title, source, id=f"{title}-{number}")
        for title, text in SECTIONS.items()
        for number, source in enumerate(examples(text, language))
    ]


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, seeded_var: tuple[Path, dict[str, Any]]
) -> Iterator[ServerProcess]:
    source, seed = seeded_var
    var = tmp_path_factory.mktemp("clients") / "var"
    shutil.copytree(source, var)
    server = ServerProcess(var, seed)
    try:
        server.start()
        asyncio.run(_talk(server))
        yield server
    finally:
        server.stop()


async def _talk(server: ServerProcess) -> None:
    async with watching(server) as socket:
        await say(socket, "We decided that we use PostgreSQL as our database.")


def run(server: ServerProcess, command: list[str], title: str, cwd: Path | None = None) -> None:
    done = subprocess.run(
        command,
        env={
            "PATH": os.environ["PATH"],
            "SITE": server.url,
            "KEY": server.cast["alice"]["token"],
            "PROJECT": server.project,
            "SESSION": server.session,
            "SECONDS_TO_WATCH": "2",
            "STOP_AFTER": "20",
        },
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ended = 28 if "--max-time" in command[-1] else 0  # curl's code for a time that is over
    assert done.returncode == ended, done.stderr
    assert re.search(PRINTED[title], done.stdout, re.S), done.stdout


@pytest.mark.parametrize(("title", "source"), of("python"))
def test_the_examples_in_python_work(served: ServerProcess, title: str, source: str) -> None:
    run(served, [sys.executable, "-c", source], title)


@pytest.mark.curl
@pytest.mark.parametrize(("title", "source"), of("bash"))
def test_the_examples_for_curl_work(served: ServerProcess, title: str, source: str) -> None:
    run(served, ["bash", "-euc", source], title)


@pytest.mark.node
@pytest.mark.parametrize(("title", "source"), of("javascript"))
def test_the_examples_in_javascript_work(served: ServerProcess, title: str, source: str) -> None:
    program = node_path()
    assert program is not None
    run(served, [program, "--input-type=module", "--eval", source], title, ROOT)


def test_there_is_an_example_of_every_way_in() -> None:
    assert set(ALL) == {*PRINTED, *IN_TEST_DOCS, "Which interface"}
    languages = ("python", "bash", "javascript")
    for title in {*PRINTED, *IN_TEST_DOCS}:
        assert any(examples(ALL[title], language) for language in languages), title
