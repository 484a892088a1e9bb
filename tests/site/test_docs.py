"""The documents say what the code does: each setting, frame, field, code, command and link is compared.

What a server really sends is taken from a real one, see `tests/support/every_frame.py`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from django.db.models import TextChoices
from typing_extensions import is_typeddict

from agent.event_log.events import CLASSES, ENVELOPE, LAST, Event, EventType
from agent.event_log.phases import Phase
from agent.models import Approval, ApprovalMode, Memory, PlanStep, Run, Steering, Task
from agent.plan import StepType
from chat import frames
from chat.sidebar import Listed
from tests.support.documents import (
    DOCS,
    code_spans,
    examples,
    first_cells,
    rows,
    section,
    subsections,
)
from tests.support.every_frame import Frames, Script, play
from tests.support.model_server import ModelServer
from tests.support.proxy import Proxy
from tests.support.server import ROOT, ServerProcess

README, PROTOCOL = DOCS["README.md"], DOCS["docs/protocol.md"]
CLIENTS, SETTINGS = DOCS["docs/clients.md"], DOCS["docs/settings.md"]
EVENTS = subsections(section(PROTOCOL, "Events"))
ASIDES = subsections(section(PROTOCOL, "Frames that are in no log"))
CLIENT = subsections(section(PROTOCOL, "What a client sends"))


def fields_told(kind: str) -> set[str]:
    """Returns the fields that the section on a frame tells; those of tasks and memories apart."""
    text = (EVENTS | ASIDES)[kind]
    return set(first_cells(re.split(r"^An? \*\*", text, flags=re.M)[0]))


EVERY_EVENT = {"type", "seq", "run", "timestamp"}
# Objects with a table of their own, or of the tools: they count as one field.
WHOLE = {
    "change.before",
    "change.after",
    "step.result",
    "plan.steps[].arguments",
    "approval.effects[].arguments",
    "approval.effects[].sources",
    "approval.effects[].changes[].before",
    "approval.effects[].changes[].after",
    "approval.effects[].changes[].links",
    "approval.estimate",
    "progress.metadata.eta",
    "progress.metadata.usual",
    "snapshot.tasks[]",
    "snapshot.memories[]",
    "waiting[]",
    "projects[].entries[]",
}


# -- what a server really sends --------------------------------------------------------------------


@pytest.fixture(scope="module")
def model_server() -> Iterator[tuple[ModelServer, Script]]:
    script = Script()
    with ModelServer(script.handle) as model:
        yield model, script


@pytest.fixture(scope="module")
def real_server(
    tmp_path_factory: pytest.TempPathFactory,
    seeded_var: tuple[Path, dict[str, Any]],
    model_server: tuple[ModelServer, Script],
) -> Iterator[ServerProcess]:
    source, seed = seeded_var
    var = tmp_path_factory.mktemp("documents") / "var"
    shutil.copytree(source, var)
    server = ServerProcess(
        var, seed, OPENAI_API_KEY="key", OPENAI_BASE_URL=model_server[0].base_url
    )
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def sent(real_server: ServerProcess, model_server: tuple[ModelServer, Script]) -> Frames:
    return play(real_server, model_server[1])


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yields the place and the type of each field in a frame."""
    if isinstance(value, dict) and path not in WHOLE:
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and (not value or isinstance(value[0], dict)):
        for item in value:
            yield from leaves(item, f"{path}[]")
        if not value and path.split(".")[-1] in ("depends_on", "arguments", "fields"):
            yield path, "list"
    else:
        yield path, type(value).__name__


def places(frame: dict[str, Any]) -> set[str]:
    return {place for place, _ in leaves(frame)}


def of_type(sent: Frames, kind: str) -> Frames:
    found = [frame for frame in sent if frame["type"] == kind]
    assert found, f"the conversation has no {kind}"
    return found


# -- frames ----------------------------------------------------------------------------------------


def test_every_type_of_event_has_its_section() -> None:
    assert set(EVENTS) == {str(kind) for kind in EventType}
    assert {str(kind) for kind in LAST} <= code_spans(section(PROTOCOL, "Events").split("###")[0])


# How a table names the types of a class. An id within a larger object is text in the class.
NAMES = {str: {"text", "UUID"}, UUID: {"UUID"}, int: {"whole number"}, bool: {"true or false"}}


def fields_of(kind: type[Event]) -> Iterator[tuple[str, Any]]:
    """Yields the place in its frame and the type of each field that a type of event adds."""
    hints, prefix = get_type_hints(kind), f"{kind.part}." if kind.part else ""
    for field in fields(kind):
        if field.name not in ENVELOPE:
            yield from parts(f"{prefix}{field.name}", hints[field.name])
    if kind.type == EventType.PROGRESS:  # a callback's frame has one of its own
        yield "progress.timestamp", str


def parts(place: str, hint: Any) -> Iterator[tuple[str, Any]]:
    (hint,) = {*get_args(hint)} - {NoneType} if NoneType in get_args(hint) else {hint}
    several = get_origin(hint) is list
    inner = get_args(hint)[0] if several else hint
    if not is_typeddict(inner):
        yield place, hint
        return
    for name, part in get_type_hints(inner).items():
        yield from parts(f"{place}{'[]' if several else ''}.{name}", part)


@pytest.mark.parametrize("kind", CLASSES)
def test_the_table_of_an_event_has_the_fields_of_its_class(kind: str) -> None:
    types = dict(fields_of(CLASSES[kind]))
    covered = set()
    for row in rows(EVENTS[kind].partition("\nA **task**")[0]):
        cell, name = row[0].strip("`"), row[1].removesuffix(" or null")
        if cell.startswith("text."):  # what a server sends there is compared above
            continue
        place = next(place for place in types if cell == place or cell.startswith(f"{place}."))
        covered.add(place)
        if cell == place:
            assert name in NAMES.get(types[place], {name}), cell
    assert covered == set(types)


def test_every_frame_that_a_client_may_send_has_its_section_and_fields() -> None:
    assert set(CLIENT) == set(frames.FRAMES)
    for kind, model in frames.FRAMES.items():
        assert set(first_cells(CLIENT[kind])) == set(model.model_fields), kind
    assert {str(mode) for mode in ApprovalMode} <= code_spans(CLIENT["message"])


def test_the_examples_of_what_a_client_sends_are_accepted() -> None:
    for kind, text in CLIENT.items():
        assert examples(text), kind
        for example in examples(text):
            assert isinstance(frames.parse(frames.read(example)), frames.FRAMES[kind])
            assert set(json.loads(example)) <= {"type", *frames.FRAMES[kind].model_fields}


def test_a_real_server_sends_the_fields_that_are_told_and_no_others(sent: Frames) -> None:
    assert {frame["type"] for frame in sent} == {*EVENTS, *ASIDES}
    assert set(first_cells(section(PROTOCOL, "Events").split("###")[0])) == EVERY_EVENT
    for kind in EVENTS:
        really = set().union(*(places(frame) for frame in of_type(sent, kind)))
        assert really - EVERY_EVENT == fields_told(kind), kind
    for kind in ASIDES:
        really = set().union(*(places(frame) for frame in of_type(sent, kind)))
        assert really == fields_told(kind), kind


def test_a_task_and_a_memory_have_the_fields_that_are_told(sent: Frames) -> None:
    _, task, memory = re.split(r"^A \*\*\w+\*\*:$", EVENTS["change"], flags=re.M)
    changes = [frame["change"] for frame in of_type(sent, "change")]
    for kind, text in (("task", task), ("memory", memory)):
        objects = [c["after"] or c["before"] for c in changes if c["object"] == kind]
        objects += objects_in_examples(kind)
        assert {frozenset(one) for one in objects} == {frozenset(first_cells(text))}


def test_an_entry_of_the_sidebar_has_the_fields_that_are_told(sent: Frames) -> None:
    told = set(first_cells(ASIDES["sidebar"].split("An **entry**")[1]))
    assert told == {field.name for field in fields(Listed)}
    frame = of_type(sent, "sidebar")[-1]
    examples_of = [json.loads(example) for example in examples(ASIDES["sidebar"])]
    for one in (frame, *examples_of):
        for entry in [*one["waiting"], *one["projects"][0]["entries"]]:
            assert set(entry) == told


def objects_in_examples(kind: str) -> list[dict[str, Any]]:
    told = [json.loads(example)["change"] for example in examples(EVENTS["change"])]
    states = [json.loads(example)["snapshot"] for example in examples(ASIDES["resync"])]
    several = {"task": "tasks", "memory": "memories"}[kind]
    found = [change["after"] for change in told if change["object"] == kind]
    found += [one for state in states for one in state[several]]
    assert found, f"no example of a {kind}"
    return found


def test_each_example_of_a_frame_is_like_one_that_a_real_server_sends(sent: Frames) -> None:
    for kind, text in (EVENTS | ASIDES).items():
        assert examples(text), kind
        alike = [set(leaves(frame)) for frame in of_type(sent, kind)]
        for example in examples(text):
            assert json.loads(example)["type"] == kind
            assert set(leaves(json.loads(example))) in alike, kind


CHOICES: list[tuple[str, type[TextChoices] | type[Phase] | type[StepType]]] = [
    ("run", Run.Status),
    ("step", PlanStep.Status),
    ("approval", Approval.Status),
    ("steering", Steering.Status),
    ("progress", Phase),
    ("plan", StepType),
    ("change", Task.Status),
    ("change", Task.Priority),
    ("change", Memory.Kind),
]


@pytest.mark.parametrize(("kind", "choices"), CHOICES)
def test_every_value_of_a_choice_is_told(kind: str, choices: Any) -> None:
    assert {str(value) for value in choices} <= code_spans(EVENTS[kind])


# -- links and examples ----------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCS)
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", DOCS[name]):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        assert file.exists(), f"{name}: {target}"
        if anchor:
            assert anchor in anchors(file.read_text()), f"{name}: {target}"


def test_the_files_that_the_documents_name_are_there() -> None:
    named = {
        span
        for text in DOCS.values()
        for span in code_spans(text)
        if re.fullmatch(
            r"(agent|chat|samurai_site|static|templates|tests|docs|benchmarks)/[\w/.]*", span
        )
    }
    assert named
    assert [span for span in named if not (ROOT / span).exists()] == []


def run_example(
    source: str, server: ServerProcess, folder: Path, *arguments: str, port: int = 0
) -> str:
    file = folder / "example.py"
    file.write_text(source.replace("127.0.0.1:8000", f"127.0.0.1:{port or server.port}"))
    done = subprocess.run(
        [sys.executable, str(file), *arguments],
        cwd=ROOT,
        env=server.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_of_a_program_works(real_server: ServerProcess, tmp_path: Path) -> None:
    (source,) = examples(section(CLIENTS, "WebSocket"), "python")
    key = real_server.cast["alice"]["token"]
    out = run_example(source, real_server, tmp_path, real_server.other_session, key, "Hello")
    assert "🧠 Analyzing your request..." in out
    assert out.endswith("Done, with **sign-up** on the board.\n")


def test_the_example_of_a_program_gets_through_a_long_session(
    server: ServerProcess, tmp_path: Path
) -> None:
    server.fill("long_session", server.session, 480)  # 10,080 events
    (source,) = examples(section(CLIENTS, "WebSocket"), "python")
    key = server.cast["alice"]["token"]
    with Proxy("127.0.0.1", server.port) as line:
        out = run_example(source, server, tmp_path, server.session, key, "Hello", port=line.port)
    assert "🎉 Processing complete!" in out
    # A connection that is closed on the way would have been opened again.
    assert line.accepted == 1


def test_the_example_of_the_library_works(real_server: ServerProcess, tmp_path: Path) -> None:
    (source,) = examples(section(CLIENTS, "Library"), "python")
    out = run_example(source, real_server, tmp_path)
    assert "completion 🎉 Processing complete!" in out
    assert "succeeded Done, with **sign-up** on the board." in out
