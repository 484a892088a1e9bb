"""What a guest gets of an event: nothing of memories, of people and of other runs, unless it was chosen."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agent.accounts.shared_links import Guest
from agent.event_log import events
from agent.event_log.events import Event
from agent.event_log.log import Frame
from agent.models import ChatSession, Message, PlanRevision, PlanStep, Run
from agent.tools import registry
from chat import guest_steps, guest_view

pytestmark = pytest.mark.django_db

SECRET = "Zanzibar"
NAME = "alice"
MEMORY = {
    "id": str(uuid4()),
    "title": f"{SECRET} first",
    "content": f"Kept in {SECRET}",
    "kind": "fact",
    "category": SECRET,
}
TASK = {"id": str(uuid4()), "number": 1, "title": "Booking", "status": "pending", "assignee": NAME}
STEPS = {
    "m1": "create_memory",
    "m2": "search_memories",
    "u1": "undo",
    "t1": "create_task",
    "p1": "fetch",
}


@pytest.fixture
def run(session: ChatSession, alice: User) -> Run:
    message = Message.objects.create(session=session, role="user", author=alice, content="Hello")
    run = Run.objects.create(session=session, number=1, message=message, created_by=alice)
    plan = PlanRevision.objects.create(run=run, revision=1, digest="d")
    for at, (key, tool) in enumerate(STEPS.items(), 1):
        PlanStep.objects.create(plan=plan, key=key, position=at, type="tool", tool=tool)
    return run


def guest_of(of: Run, **more: Any) -> Guest:
    session = of.session
    expires = timezone.now() + timedelta(days=1)
    guest = Guest(uuid4(), session.pk, session.project_id, None, False, False, expires)
    return replace(guest, **more)


def seen(guest: Guest, *told: Event) -> list[dict[str, Any]]:
    frames = [Frame(at, one.type, one.run, one.frame(at)) for at, one in enumerate(told, 1)]
    shown = guest_view.frames(guest, frames)
    assert [frame.seq for frame in shown] == [frame.seq for frame in frames]
    return [json.loads(frame.body) for frame in shown]


def step(key: str, text: str) -> dict[str, Any]:
    return {
        "id": key,
        "type": "tool",
        "tool": STEPS[key],
        "description": f"{STEPS[key]}: {text}",
        "arguments": {"title": text, "assignee": NAME},
        "depends_on": [],
        "status": "pending",
    }


def effect(key: str, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    change = {"object": kind, "id": fields["id"], "action": "updated", "title": fields["title"]}
    change |= {
        "before": fields,
        "after": {**fields, "title": "Other"},
        "about": f"{fields['title']}",
    }
    return {"step": key, "changes": [change], "note": "", "tool": STEPS[key], "arguments": fields}


def of_memories(run: UUID) -> list[Event]:
    """Returns events in which the secret stands wherever a memory may stand."""
    about = {"step_id": "m1"}
    steps = [step(key, SECRET if key != "t1" else "Booking") for key in STEPS]
    steps[-1]["description"] = "Fetch a page"  # what a package's tool is given is its own
    started = {"phase": "started"}
    return [
        events.Progress(run, "context", "Gathered", "1 memory", {"recalled": [SECRET]}),
        events.Progress(run, "analyzing", "Analysis complete", f"Wants {SECRET}", started),
        events.Progress(run, "reading", f"🔎 Reading “{SECRET}”", SECRET, {"step_id": "r1"}),
        events.Progress(run, "memory", "Memory updated", f"Saved “{SECRET}”", {"phase": "finished"}),
        events.Progress(run, "execution", SECRET, SECRET, about, texts={"line": SECRET}),
        events.Progress(run, "execution", "Executing", "", started, texts={"line": SECRET}),
        events.Progress(run, "execution", f"Fetching {SECRET}", SECRET, {"step_id": "p1"}),
        events.Progress(run, "validation", "No valid plan", SECRET, {"phase": "failed"}),
        events.Progress(run, "replanning", "Replanning", f"“{SECRET}” failed", started),
        events.Plan(
            run,
            id=run,
            revision=1,
            summary=SECRET,
            assumptions=[{"text": SECRET, "steps": ["m1"]}],
            questions=[{"question": SECRET, "choices": [SECRET]}],
            steps=steps,  # type: ignore[arg-type]  # made by hand
        ),
        *(
            events.Step(
                run,
                id=key,
                status="failed" if key == "m2" else "succeeded",
                result={"titles": [SECRET, SECRET], "value": SECRET},
                error=SECRET if key == "m2" else None,
                texts={"line": SECRET},
            )
            for key in STEPS
            if key != "t1"
        ),
        events.Step(run, id="t1", status="skipped", error=f"Skipped because “{SECRET}” failed."),
        events.Approval(
            run,
            id=run,
            status="requested",
            plan_revision=1,
            reason=f"Deletes “{SECRET}”.",
            effects=[effect("m1", "memory", MEMORY), effect("p1", "memory", MEMORY)],  # type: ignore[list-item]
        ),
        events.Approval(
            run,
            id=run,
            status="rejected",
            plan_revision=1,
            comments=[{"step": "m1", "text": SECRET}],
            texts={"comments": [f"Step 1, {SECRET}: no"]},
        ),
        *(
            events.Change(
                whose, object="memory", id=run, action="updated", before=MEMORY,
                after={**MEMORY, "title": SECRET}, by=NAME,
            )
            for whose in (run, None)
        ),
        events.Error(run, error=f"No memory {SECRET}", code="internal", retryable=True),
    ]  # fmt: skip


def test_nothing_of_a_memory_is_sent_unless_it_was_chosen(run: Run) -> None:
    told = of_memories(run.pk)
    assert all(SECRET in event.frame(1) for event in told)
    frames = seen(guest_of(run, shows_tasks=True), *told)
    assert [frame for frame in frames if SECRET in json.dumps(frame)] == []
    assert [frame["type"] for frame in frames].count("withheld") == 2
    plan = next(frame["plan"] for frame in frames if frame["type"] == "plan")
    names = [step["tool"] for step in plan["steps"]]
    assert names == [None, None, None, "create_task", "fetch"]
    assert plan["steps"][3]["description"] == "create_task: Booking"
    chosen = seen(guest_of(run, shows_memories=True), *told)
    assert "withheld" not in [frame["type"] for frame in chosen]
    assert chosen[0]["text"]["recalled"] == f"Recalled: “{SECRET}”"
    assert chosen[3]["progress"]["details"] == f"Saved “{SECRET}”"


def test_nobody_is_named(run: Run) -> None:
    key = run.pk
    told: list[Event] = [
        events.Message(key, id=key, role="user", author=NAME, content="Hi", client_id=key),
        events.Steering(key, id=key, status="taken", author=NAME, content="Also", client_id=key),
        events.Approval(key, id=key, status="approved", plan_revision=1, by=NAME),
        events.Approval(
            key, id=key, status="requested", plan_revision=1,
            effects=[effect("t1", "task", TASK)],  # type: ignore[list-item]
        ),
        events.Progress(key, "replanning", "Replanning", f"With what {NAME} sent into the run"),
        events.Plan(key, id=key, revision=1, steps=[step("t1", "Booking")]),  # type: ignore[list-item]
        events.Step(key, id="t1", status="succeeded", result={"task": TASK}),
        events.Change(
            key, object="task", id=key, action="updated", before={**TASK, "assignee": None},
            after=TASK, by=NAME,
        ),
        events.Cancelled(key, by=NAME, reason="No longer needed"),
    ]  # fmt: skip
    assert all(NAME in event.frame(1) for event in told)
    for chosen in (False, True):
        frames = seen(guest_of(run, shows_tasks=chosen, shows_memories=chosen), *told)
        assert [frame for frame in frames if NAME in json.dumps(frame)] == []
        assert frames[0]["message"]["content"] == "Hi"
        assert frames[3]["text"]["line"] == "Waiting for approval: changes 1 task"
        assert frames[2]["text"]["decision"] == "Approved"
        assert frames[-1]["text"]["line"] == "Cancelled: No longer needed"


def test_a_link_to_one_run_has_only_the_numbers_of_other_events(run: Run) -> None:
    other = uuid4()
    told: list[Event] = [
        events.Message(other, id=other, role="user", author=None, content="Other", client_id=None),
        events.Token(other, offset=0, text="Other"),
        events.Change(None, object="task", id=other, action="created", before=None, after=TASK, by=None),
        events.Change(run.pk, object="session", id=other, action="updated", before={"title": "Other"},
                      after={"title": "Other"}, by=None),
        events.Run(run.pk, "queued", position=1, retry_of=other),
        events.Token(run.pk, offset=0, text="Mine"),
    ]  # fmt: skip
    frames = seen(guest_of(run, run=run.pk, shows_tasks=True), *told)
    assert frames[:4] == [{"type": "withheld", "seq": at, "run": None} for at in (1, 2, 3, 4)]
    assert [frame["type"] for frame in frames[4:]] == ["run", "token"]
    assert str(other) not in json.dumps(frames)


def test_a_change_of_a_task_says_what_changed_and_has_the_task_only_with_the_board(
    run: Run,
) -> None:
    change = events.Change(
        run.pk, object="task", id=run.pk, action="created", before=None, after=TASK, by=NAME
    )
    (frame,) = seen(guest_of(run), change)
    assert frame["text"]["change"] == "Created task “Booking”"
    assert frame["change"]["after"] is None
    (frame,) = seen(guest_of(run, shows_tasks=True), change)
    assert frame["change"]["after"] == {**TASK, "assignee": None}
    project = replace(change, object="project", after={"title": "Clinic", "description": "Secret"})
    assert seen(guest_of(run, shows_tasks=True), project)[0]["type"] == "withheld"


def test_an_approval_says_what_would_change_and_has_the_tasks_only_with_the_board(run: Run) -> None:
    before = {**TASK, "description": "All of it"}
    asked = events.Approval(
        run.pk, id=run.pk, status="requested", plan_revision=1,
        effects=[effect("t1", "task", before)],  # type: ignore[list-item]
    )  # fmt: skip
    asked.effects[0]["arguments"] = {"title": "Other"}  # type: ignore[index]
    for chosen in (False, True):
        (frame,) = seen(guest_of(run, shows_tasks=chosen), asked)
        (told, call) = frame["text"]["effects"]
        assert told["fields"] == [["title", "Booking", "Other"]]
        assert call["text"].startswith("Runs create_task")
        assert ("All of it" in json.dumps(frame)) == chosen


def test_what_a_deleted_task_said_is_shown_only_with_the_board(run: Run) -> None:
    of_plan = effect("t1", "task", {**TASK, "description": "All of it"})
    of_plan["changes"][0] |= {"action": "deleted", "after": None}
    asked = events.Approval(
        run.pk, id=run.pk, status="requested", plan_revision=1,
        effects=[of_plan | {"arguments": {}}],  # type: ignore[list-item]
    )  # fmt: skip
    for chosen in (False, True):
        (frame,) = seen(guest_of(run, shows_tasks=chosen), asked)
        assert frame["text"]["effects"][0]["text"] == "Delete task “Booking” (Booking)"
        assert ("All of it" in json.dumps(frame)) == chosen


def test_a_guest_is_told_that_a_run_failed_and_not_why(run: Run) -> None:
    reason = f"The model's server at {SECRET}:8000 cannot be reached."
    told = [
        events.Progress(run.pk, "planning", "❌ Planning failed", reason, {"phase": "failed"}),
        events.Progress(run.pk, "error", f"❌ {reason}", "model_unavailable"),
        events.Error(run.pk, error=reason, code="model_unavailable", retryable=True),
    ]
    assert all(SECRET in event.frame(1) for event in told)
    for chosen in (False, True):
        guest = guest_of(run, shows_tasks=chosen, shows_memories=chosen)
        frames = seen(guest, *told)
        assert [frame for frame in frames if SECRET in json.dumps(frame)] == []
        assert frames[1]["progress"]["message"] == "❌ Failed"
        assert frames[1]["progress"]["details"] == "The reason is not shared."
        assert frames[1]["text"]["message"] == "Failed"
        assert (frames[2]["code"], frames[2]["text"]["line"]) == ("model_unavailable", "Failed")


def test_what_is_not_known_is_withheld(run: Run) -> None:
    bodies = ['{"type":"weather","sky":"blue","run":null}', "no json", '{"type":"plan","run":null}']
    frames = [Frame(at, "weather", run.pk, body) for at, body in enumerate(bodies, 1)]
    shown = guest_view.frames(guest_of(run), frames)
    assert [json.loads(frame.body)["type"] for frame in shown] == ["withheld"] * 3


def test_every_tool_of_ours_is_listed_or_keeps_its_arguments_to_itself(run: Run) -> None:
    listed = guest_steps.CHANGING_TASKS | guest_steps.READING_TASKS | guest_steps.OF_MEMORIES
    listed |= guest_steps.OF_CHANGES
    ours = {tool.name for tool in registry.all_tools() if tool.package == "agent"}
    assert listed <= ours
    # These read or change more than tasks and memories.
    assert ours - listed == {"search_messages", "get_project", "update_project", "create_project"}
    steps = guest_steps.Steps(guest_of(run, shows_tasks=True, shows_memories=True))
    assert not any(steps.opens("tool", name) for name in ours - listed | guest_steps.OF_CHANGES)
