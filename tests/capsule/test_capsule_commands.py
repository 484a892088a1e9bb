"""The commands that write the file of a run, and carry the run out again."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command
from pytest_django import Settings

from agent.capsule import form
from agent.models import AuditEntry, Project, Run
from tests.support.capsules import TITLE, capsule
from tests.support.model_server import ModelServer
from tests.support.otlp_receiver import Receiver
from tests.support.scripted_runs import create, plan
from tests.support.served import served
from tests.support.server import ROOT

pytestmark = pytest.mark.django_db(transaction=True)


def replay_command(path: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "manage.py"), "replay", str(path), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


async def test_the_commands_write_a_file_and_replay_it(
    run: Run, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.json.gz"
    await sync_to_async(call_command)("capsule", str(run.pk), str(path))
    exported = await AuditEntry.objects.alatest("id")
    assert (exported.deed, exported.project) == ("run_exported", project.pk)
    monkeypatch.setenv("SAMURAI_LOG_FORMAT", "json")
    with Receiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        done = await sync_to_async(replay_command)(path)
        assert receiver.spans == []  # nothing is sent anywhere
    assert (done.stdout, done.returncode) == ("identical\n", 0), done.stderr
    assert "audit" not in done.stderr  # a replay creates no user of the product
    made = form.read(path)
    (last,) = [event for event in made.events if event["type"] == "complete"]
    last["response"] = "Something else"
    form.write(made, path)
    done = await sync_to_async(replay_command)(path)
    assert done.returncode == 1
    assert done.stdout.startswith("different\nevent ")
    assert "response: recorded 'Something else', now '" in done.stdout


async def test_the_command_redacts(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    await sync_to_async(call_command)("capsule", str(run.pk), str(path), "--redact")
    assert form.read(path).redacted
    assert TITLE not in path.read_text()


def test_errors_of_the_commands_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no run nonsense"):
        call_command("capsule", "nonsense", str(tmp_path / "x"))
    done = replay_command(tmp_path / "missing")
    assert done.returncode == 1
    assert done.stderr.strip().endswith("cannot be read: No such file or directory.")
    (tmp_path / "bad").write_text("{}")
    done = replay_command(tmp_path / "bad")
    assert done.stderr.count("\n") == 1
    assert "no capsule" in done.stderr


async def test_a_capsule_whose_values_do_not_fit_together_is_told_in_one_line(
    run: Run, tmp_path: Path
) -> None:
    made = await capsule(run)
    for event in made.events:
        event.pop("plan", None)
    path = tmp_path / "run.json"
    form.write(made, path)
    done = await sync_to_async(replay_command)(path)
    assert done.returncode == 1
    assert "does not fit together (KeyError)" in done.stderr
    assert done.stderr.count("\n") == 1


async def test_a_replay_leaves_the_database_of_the_product_alone(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    form.write(await capsule(run), path)
    done = await sync_to_async(replay_command)(path, "--inside")
    assert done.returncode == 1
    assert "a database of its own" in done.stderr


async def test_the_plan_of_another_model_stands_beside_the_recorded_one(
    run: Run, server: ModelServer, settings: Settings, tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "run.json"
    form.write(await capsule(run), path)
    before = await Run.objects.acount()
    server.handler = served(plans=[plan(create("s1", "A bread"))])
    await sync_to_async(call_command)("replay", str(path), "--model", "other-model")
    lines = [re.split(r"  +", line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["small-model", "other-model"]
    assert lines[1] == [f"s1 create_task: Create “{TITLE}”", "s1 create_task: Create “A bread”"]
    assert lines[2][0].startswith("s2 change_task_status")
    assert server.requests[-1].body["model"] == "other-model"
    assert await Run.objects.acount() == before


async def test_without_a_model_the_command_says_so(
    run: Run, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "run.json"
    form.write(await capsule(run), path)
    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = ""
    with pytest.raises(CommandError, match="No model is connected"):
        await sync_to_async(call_command)("replay", str(path), "--model", "x")
