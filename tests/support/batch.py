"""`manage.py run_batch` as a real process, on a database of its own, and its fixtures. No tests."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import forked
from tests.support.distributed import Model
from tests.support.model_server import ModelServer
from tests.support.server import ROOT, ServerProcess

Result = dict[str, Any]
# Seconds that anything may take on a busy machine before a test gives up.
PATIENCE = 90.0


class Command:
    """Runs the command on the database of `place`, a server that may or may not run."""

    def __init__(self, place: ServerProcess, **env: str):
        self.place = place
        self.env = {**place.env, **env}
        self.folder = place.var

    def file(self, name: str, text: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    def argv(self, *arguments: str) -> list[str]:
        if "--project" not in arguments:
            arguments = (*arguments, "--project", self.place.project)
        return [sys.executable, "manage.py", "run_batch", *arguments]

    def run(self, *arguments: str, given: str | bytes = b"") -> subprocess.CompletedProcess[str]:
        """Runs to the end; what it wrote is text."""
        done = forked.run(
            self.argv(*arguments),
            cwd=ROOT,
            env=self.env,
            input=given if isinstance(given, bytes) else given.encode(),
            timeout=240,
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    @contextlib.contextmanager
    def started(self, *arguments: str, **how: Any) -> Iterator[subprocess.Popen[bytes]]:
        """Starts it and goes on; whatever the test does, it ends with it."""
        # A fork is started by another process, which runs no function of this one.
        start = subprocess.Popen if "preexec_fn" in how else forked.Popen
        with start(self.argv(*arguments), cwd=ROOT, env=self.env, **how) as process:
            try:
                yield process
            finally:
                process.kill()

    def titles(self) -> list[str]:
        return [title for (title,) in self.place.rows("SELECT title FROM agent_task ORDER BY 1")]

    def titles_there(self) -> list[str]:
        """Without the deleted."""
        query = "SELECT title FROM agent_task WHERE deleted_at IS NULL ORDER BY 1"
        return [title for (title,) in self.place.rows(query)]

    def statuses(self) -> list[str]:
        query = "SELECT status FROM agent_run ORDER BY created_at"
        return [status for (status,) in self.place.rows(query)]


def results(text: str | Path) -> list[Result]:
    lines = (text.read_text() if isinstance(text, Path) else text).splitlines()
    return [json.loads(line) for line in lines]


def by_id(text: str | Path) -> dict[Any, Result]:
    told = results(text)
    found = {result["id"]: result for result in told}
    assert len(found) == len(told), "an input was told twice"
    return found


def end(process: subprocess.Popen[bytes], how: signal.Signals) -> int:
    process.send_signal(how)
    return process.wait(PATIENCE)


def change(place: ServerProcess, statement: str) -> None:
    """Changes the database of `place` by hand."""
    with contextlib.closing(sqlite3.connect(place.var / "db.sqlite3", timeout=20)) as database:
        database.execute(statement)
        database.commit()


# -- fixtures ----------------------------------------------------------------------------------------


@pytest.fixture
def make_command(tmp_path: Path, seeded_var: tuple[Path, dict[str, Any]]) -> Callable[..., Command]:
    def make(**env: str) -> Command:
        source, seed = seeded_var
        shutil.copytree(source, tmp_path / "var")
        return Command(ServerProcess(tmp_path / "var", seed, **env))

    return make


@pytest.fixture
def command(make_command: Callable[..., Command]) -> Command:
    """With the offline model."""
    return make_command()


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def answering(model: Model) -> Iterator[ModelServer]:
    with ModelServer(model.handle) as server:
        try:
            yield server
        finally:
            for gate in model.gates.values():
                gate.open()


@pytest.fixture
def modelled(make_command: Callable[..., Command], answering: ModelServer) -> Command:
    """With a model that plans two tasks for each message, and waits where a test says."""
    return make_command(OPENAI_API_KEY="key", OPENAI_BASE_URL=answering.base_url)
