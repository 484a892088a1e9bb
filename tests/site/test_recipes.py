"""A copy of the project, changed as CONTRIBUTING's recipe for an event type says, tells of it everywhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import ROOT, environment

CLASS = """
@dataclass(frozen=True, slots=True, kw_only=True)
class Weather(OfRun):
    type = EventType.WEATHER
    part = "weather"

    sky: str

    def _own_texts(self) -> dict[str, Any]:
        return {"message": f"The sky is {self.sky}"}


"""
SECTION = """### `weather`

The sky, when a run starts.

| field | type | meaning |
| --- | --- | --- |
| `weather.sky` | text | |
| `text.message` | text | one line |

```json
{"type": "weather", "weather": {"sky": "clear"}, "text": {"message": "The sky is clear"}}
```

"""
# What the recipe says to add, and in front of what.
RECIPE = {
    "agent/event_log/events.py": [
        ('    MESSAGE = "message"\n', '    WEATHER = "weather"\n'),
        ("ENVELOPE = ", CLASS.lstrip()),
        ("Message, Run, Progress, ", "Weather, "),
    ],
    "agent/pipeline/phases.py": [
        (
            '        return Finished("📚 Context gathered"',
            '        await self.recorder.append(events.Weather(self.run.pk, sky="clear"))\n',
        )
    ],
    "docs/protocol.md": [("### `token`\n", SECTION)],
}
FOLDERS = ("agent", "chat", "docs", "samurai_site", "static", "templates", "tests")

# Carries a message out, and prints what each reader has of the event.
SCRIPT = """
import asyncio, json, django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
call_command("migrate", verbosity=0)
from agent.agent import PlanningFirstAgent
from agent.event_log import parsing
from agent.models import ChatSession, Event, Project
from chat import fold
from chat.api.ag_ui_events import Translation
from chat.api.sse import block
from chat.fold import load

project = Project.objects.create(name="Sky", owner=User.objects.create(username="alice"))
session = ChatSession.objects.create(project=project)
agent = PlanningFirstAgent()
result = asyncio.run(agent.process_user_message("Create a task: Look up", project.pk, session_id=session.pk))
row = Event.objects.get(session=session, type="weather")
(told,) = Translation("thread", "run", 0).feed(parsing.read(row.body))[-1:]
print(json.dumps({
    "status": result.status,
    "log": json.loads(row.body),
    "page": [phase.message for phase in load(session.pk).exchanges[0].phases],
    "sse": block(row.body, row.seq),
    "ag_ui": told.model_dump(by_alias=True, mode="json"),
}))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recipe") / "project"
    # With what is compiled, but not what another worker is compiling.
    ignored = shutil.ignore_patterns("node_modules", "*.pyc.*")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile"):
        shutil.copy(ROOT / name, root / name)
    for name, additions in RECIPE.items():
        text = (root / name).read_text()
        for place, addition in additions:
            assert text.count(place) == 1, (name, place)
            text = text.replace(place, addition + place)
        (root / name).write_text(text)
    return root


def run(root: Path, *command: str) -> str:
    env = {**environment(root / "var"), "PYTHONPATH": str(root)}
    env["DJANGO_SETTINGS_MODULE"] = "samurai_site.settings"
    done = subprocess.run(
        [sys.executable, *command], cwd=root, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_new_type_of_event_is_in_the_log_on_the_page_and_in_every_stream(copy: Path) -> None:
    told = json.loads(run(copy, "-c", SCRIPT).splitlines()[-1])
    assert told["status"] == "succeeded"
    assert told["log"]["weather"] == {"sky": "clear"}
    assert told["page"][2] == "The sky is clear"
    assert told["sse"].startswith(f"id: {told['log']['seq']}\ndata: {{")
    assert json.loads(told["sse"].partition("data: ")[2]) == told["log"]
    assert (told["ag_ui"]["type"], told["ag_ui"]["name"]) == ("CUSTOM", "weather")
    assert told["ag_ui"]["value"]["weather"] == {"sky": "clear"}


def test_the_documents_are_checked_for_a_new_type_of_event(copy: Path) -> None:
    chosen = "table_of_an_event or every_type_of_event"
    checked = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/site/test_docs.py",
        "-k",
        chosen,
    ]
    assert "14 passed" in run(copy, *checked)
    protocol = copy / "docs" / "protocol.md"
    protocol.write_text(protocol.read_text().replace("`weather.sky`", "`weather.cloud`"))
    with pytest.raises(AssertionError, match=r"test_the_table_of_an_event.*\[weather\]"):
        run(copy, *checked)
