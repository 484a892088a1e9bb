"""docs/extending.md, followed to the letter: its package in a real server, with a scripted model."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.event_log.phases import COLORS
from tests.support.documents import DOCS
from tests.support.example_app import AS_APP, FOLDER, blocks, opened_board, planning, step
from tests.support.model_server import ModelServer
from tests.support.server import (
    ROOT,
    ServerProcess,
    environment,
    is_last,
    say,
    send,
    until,
    watching,
)


def test_the_code_of_the_page_is_that_of_the_example_package() -> None:
    files = blocks()
    code = {str(path.relative_to(FOLDER)): path for path in FOLDER.rglob("*.py")}
    del code["our_tools/__init__.py"]
    assert {name: path.read_text() for name, path in code.items()} == {
        name: text for name, text in files.items() if name.endswith(".py")
    }


def test_the_colours_of_the_page_are_those_of_the_styles() -> None:
    styles = {path.name: path.read_text() for path in (ROOT / "static" / "chat").rglob("*.css")}
    for color in COLORS:
        assert f"--{color}:" in styles["tokens.css"]
        assert f'[data-color="{color}"]' in styles["plan.css"]
    told = re.findall(r"`([\w-]+)`", DOCS["docs/extending.md"].partition("`color` is one of")[2])
    assert told[: len(COLORS)] == list(COLORS)


def test_its_entry_points_register_the_tools(tmp_path: Path) -> None:
    """The package as pip installs it: a folder of its files, with the entry points of the page."""
    project = tomllib.loads(blocks()["pyproject.toml"])["project"]
    lines = [
        f"{name} = {at}" for name, at in project["entry-points"]["samurai_agent.tools"].items()
    ]
    distribution = tmp_path / "our_tools-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: our-tools\nVersion: 1.0\n")
    (distribution / "entry_points.txt").write_text("\n".join(["[samurai_agent.tools]", *lines]))
    script = (
        "import json; from agent.tools import registry; print(json.dumps("
        "{t.name: t.effect for t in registry.all_tools() if t.package == 'our_tools'}))"
    )
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", script],
        cwd=ROOT,
        env=environment(tmp_path / "var", PYTHONPATH=f"{ROOT}:{FOLDER}:{tmp_path}"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "count_tasks": "reads",
        "add_reminder": "writes",
        "publish_tasks": "outgoing",
    }


def sub_steps(frames: list[dict[str, Any]]) -> list[tuple[str, str]]:
    told = [frame["progress"] for frame in frames if frame["type"] == "progress"]
    parts = [one for one in told if "part" in one["metadata"]]
    return [(one["metadata"].get("phase", ""), one["details"]) for one in parts]


async def test_a_scripted_model_plans_the_tools_and_a_viewer_sees_the_sub_steps(
    make_server: Callable[..., ServerProcess],
) -> None:
    """The first request to the board fails, so the call is repeated with the same keys."""
    with opened_board() as board, ModelServer() as model:
        model.handler = planning(
            {
                "Remind": [
                    step("s1", "add_reminder", title="Call Anna", day="2026-12-04"),
                    step("s2", "create_task", title="Write to Ben"),
                    step("s3", "count_tasks", "s1", "s2", status="pending", word="call"),
                ],
                "Publish": [step("s1", "publish_tasks", url=board.url)],
            }
        )
        server = make_server(OPENAI_API_KEY="key", OPENAI_BASE_URL=model.base_url, **AS_APP)
        async with watching(server) as socket:
            frames = await say(socket, "Remind me to call Anna")
            steps = {f["step"]["id"]: f["step"] for f in frames if f["type"] == "step"}
            assert steps["s3"]["result"] == {"tasks": 1}
            made = next(f["change"]["after"] for f in frames if f["type"] == "change")
            assert (made["title"], made["due"]) == ("Remember: Call Anna", "2026-12-04")
            board.failures = 1
            frames = await published(socket)
    assert frames[-1]["type"] == "complete"
    assert sub_steps(frames)[0] == ("started", "0 of 2 tasks")
    assert ("failed", "0 of 2 tasks") in sub_steps(frames)
    assert sub_steps(frames)[-1] == ("finished", "2 of 2 tasks")
    message = next(f["progress"]["message"] for f in frames if sub_steps([f]))
    assert message == "📮 Publishing tasks"
    run = frames[0]["run"]
    assert board.received == [
        (f"{run}:s1:1", "Remember: Call Anna"),
        (f"{run}:s1:2", "Write to Ben"),
    ]


async def published(socket: Any) -> list[dict[str, Any]]:
    """Has the plan approved, as each plan that acts outside needs it."""
    await send(socket, "Publish the tasks")
    frames = await until(socket, lambda frame: frame["type"] == "approval")
    asked = frames[-1]
    assert "acts outside this project" in asked["approval"]["reason"]
    decision = {"type": "approve", "run": asked["run"], "plan_revision": 1}
    await socket.send(json.dumps(decision))
    return frames + await until(socket, is_last)
