"""Tools of other packages: packages beside ours, one of them broken, and programs that start with them."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.server import ROOT, ServerProcess, environment

GOOD = '''
from agent.tools.registry import Result, ToolCall, tool


class Echo(Result):
    text: str


@tool("reads")
def echo(call: ToolCall, text: str) -> Echo:
    """Returns the text. Changes nothing."""
    return Echo(text=text)
'''
BROKEN = (
    GOOD.replace("def echo", "def first_of_two")
    + """

@tool("reads")
def untold(call: ToolCall) -> Echo:
    return Echo(text="")
"""
)
APP = """
from django.apps import AppConfig


class Config(AppConfig):
    name = "their_app"

    def ready(self):
        from agent.tools.loading import load

        load("their_app.broken")
        load("their_app.tools")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of packages as pip installs them."""
    place = tmp_path / "packages"
    for name, text in (("good_tools", GOOD), ("broken_tools", BROKEN)):
        distribution = place / f"{name}-1.0.dist-info"
        distribution.mkdir(parents=True)
        (place / f"{name}.py").write_text(text)
        (distribution / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        entry = f"[samurai_agent.tools]\n{name}_entry = {name}\n"
        (distribution / "entry_points.txt").write_text(entry)
    app = place / "their_app"
    app.mkdir()
    (app / "__init__.py").write_text("")
    (app / "apps.py").write_text(APP)
    (app / "tools.py").write_text(GOOD.replace("def echo", "def echo_of_app"))
    (app / "broken.py").write_text("import nowhere_to_be_found\n")
    return place


def manage(folder: Path, var: Path, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    path = {"PYTHONPATH": f"{ROOT}:{folder}", **env}
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=environment(var, **path),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_check_names_what_is_broken_and_the_rest_is_loaded(
    folder: Path, tmp_path: Path
) -> None:
    done = manage(folder, tmp_path, "check", SAMURAI_APPS="their_app")
    assert done.returncode == 0
    assert done.stderr.count("(agent.W001)") == 2
    assert (
        "the entry point 'broken_tools_entry' of broken_tools (broken_tools) raised ValueError: "
        "broken_tools.untold: it has no docstring, which the model reads" in done.stderr
    )
    assert "the module 'their_app.broken' raised ModuleNotFoundError" in done.stderr
    assert "good_tools" not in done.stderr
    printed = "from agent.tools import registry; print([t.name for t in registry.all_tools()])"
    names = manage(folder, tmp_path, "shell", "-c", printed, SAMURAI_APPS="their_app").stdout
    assert all(f"'{name}'" in names for name in ("echo", "echo_of_app", "first_of_two"))
    assert "'untold'" not in names


def test_an_application_that_is_not_installed_stops_the_start(tmp_path: Path) -> None:
    done = manage(tmp_path, tmp_path, "check", SAMURAI_APPS="no_such_app")
    assert done.returncode != 0
    assert "SAMURAI_APPS names 'no_such_app', which is not installed." in done.stderr


def test_a_server_starts_and_its_log_names_what_is_broken(
    folder: Path, make_server: Callable[..., ServerProcess]
) -> None:
    server = make_server(PYTHONPATH=f"{ROOT}:{folder}")
    assert "Tools were not loaded: the entry point 'broken_tools_entry'" in server.log.read_text()
    token = {"Authorization": f"Token {server.cast['alice']['token']}"}
    with urllib.request.urlopen(
        urllib.request.Request(f"{server.url}/api/tools/", headers=token), timeout=30
    ) as response:
        tools = {tool["name"]: tool for tool in json.load(response)}
    assert tools["echo"]["package"] == "good_tools"
    assert "untold" not in tools
