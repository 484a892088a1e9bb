"""Servers for one test after the other, and the fixtures that give a test its server."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.held_loop import check_log
from tests.support.model_server import ModelServer
from tests.support.server import Seeder, ServerProcess, free_port
from tests.support.slow_plan import settings_of


class SharedServer:
    """A server for one test after the other: each finds an empty log, and nobody but a new cast."""

    def __init__(self, var: Path, seed: dict[str, Any], **env: str) -> None:
        self.server = ServerProcess(var, seed, **env)
        self.seeder = self.server.seeder = Seeder(self.server.env)

    def __enter__(self) -> SharedServer:
        self.server.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.seeder.__exit__(*error)
        self.server.stop(signal.SIGKILL)

    def begin(self) -> ServerProcess:
        self.server.know(self.seeder.ask("seed"))
        os.truncate(self.server.log, 0)
        return self.server


@pytest.fixture(scope="session")
def share_server(
    tmp_path_factory: pytest.TempPathFactory, seeded_var: tuple[Path, dict[str, Any]]
) -> Iterator[Callable[..., SharedServer]]:
    """Returns the shared server with these settings; starts it when it is the first time."""
    source, seed = seeded_var
    with contextlib.ExitStack() as until_end:

        @cache
        def share(**env: str) -> SharedServer:
            var = tmp_path_factory.mktemp("shared") / "var"
            shutil.copytree(source, var)
            return until_end.enter_context(SharedServer(var, seed, **env))

        yield share


@contextlib.contextmanager
def begun(shared: SharedServer) -> Iterator[ServerProcess]:
    server = shared.begin()
    process = server.process
    yield server
    assert process is not None
    assert (server.process, process.poll()) == (process, None), "the shared server was stopped"
    check_log(server.log)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """The shared server; a test that kills or configures it is marked `own_server` and has one of its own."""
    if request.node.get_closest_marker("own_server"):
        yield request.getfixturevalue("make_server")()
        return
    with begun(request.getfixturevalue("share_server")()) as server:
        yield server


@pytest.fixture(scope="session")
def model_port() -> int:
    return free_port()


@pytest.fixture
def scripted_model(model_port: int) -> Iterator[ModelServer]:
    """The model of `scripted_server`, whose handler or script the test gives."""
    with ModelServer(port=model_port) as model:
        yield model


@pytest.fixture
def scripted_server(
    request: pytest.FixtureRequest, scripted_model: ModelServer
) -> Iterator[ServerProcess]:
    """The same as `server`, with `scripted_model`, which is called slow-model."""
    settings = settings_of(scripted_model)
    if request.node.get_closest_marker("own_server"):
        yield request.getfixturevalue("make_server")(**settings)
        return
    with begun(request.getfixturevalue("share_server")(**settings)) as server:
        yield server
