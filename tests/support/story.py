"""One session's log with everything in it that a page can meet, for the tests of the page's two folds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from agent.event_log import events
from agent.event_log.events import Event
from agent.event_log.payloads import StepEffect
from agent.event_log.phases import progress_step, remove_step
from agent.event_log.times import stamp
from tests.support.story_events import (
    ARGUMENTS,
    ASKED,
    BOOKING,
    BOTH,
    BROKEN,
    CHAIN,
    DONE,
    ETA,
    FIRST,
    GONE,
    HALF,
    LATER,
    LOGIN,
    PACE,
    PARTLY,
    QUEUED,
    REMINDER,
    START,
    STOPPED,
    Foreign,
    change,
    complete,
    memory,
    phase,
    plan,
    said,
    step,
    sub_step,
    task,
    uid,
)


def first_run() -> list[Event]:
    """One of everything, all of it good."""
    run, booking = FIRST, task(BOOKING, "Booking", 1)
    reminder = task(REMINDER, "Reminder <b>", 2, depends_on=[str(BOOKING)], priority="high")
    return [
        said(run, "I need <booking> & a reminder.\nThanks!  ", 1),
        events.Run(run, "queued", position=0),
        events.Run(run, "running"),
        phase(run, "start", "🧠 Starting to process your request...", phase="started"),
        phase(run, "start", "🧠 Started", "Model: x", phase="finished", duration_ms=49),
        phase(run, "context", "📚 Gathering...", phase="started", eta=ETA, slow_after_ms=900),
        phase(
            run,
            "context",
            "📚 Gathered",
            "2 messages",
            phase="finished",
            duration_ms=1250,
            recalled=["Stack <i>", "日本語"],
        ),
        phase(run, "weather", "☂️ Looked at the sky", "Custom, at one moment"),
        phase(run, "planning", "📋 Creating execution plan...", phase="started"),
        phase(run, "planning", "📋 Plan created", phase="finished"),
        plan(
            run,
            1,
            [
                {"id": "a", "description": "Create both", "arguments": ARGUMENTS},
                {
                    "id": "b",
                    "description": "",
                    "tool": "search_tasks",
                    "arguments": {"query": {"$from": "a", "path": "titles.0"}},
                    "depends_on": ["a"],
                },
                {"id": "c", "type": "answer", "description": "Say so", "depends_on": ["b", "a"]},
            ],
            summary="Two tasks, then an answer",
        ),
        phase(run, "execution", "⚙️ Executing plan...", phase="started"),
        step(run, "a", "running", 1000, line="Step 1 of 2: Create both"),
        phase(
            run, "execution", "Create both", phase="started", step_id="a", slow_after_ms=2, eta=ETA
        ),
        phase(run, "execution", "⏳ Half of it", step_id="a"),
        change(run, "task", "created", None, booking),
        change(run, "task", "created", None, reminder),
        step(
            run, "a", "succeeded", 1000, 1449, HALF, result={"titles": ["Booking", "Reminder <b>"]}
        ),
        phase(run, "execution", "Create both", phase="finished", step_id="a"),
        step(
            run,
            "b",
            "succeeded",
            1500,
            62_500,
            BOTH,
            result={"tasks": [], "total": 0},
        ),
        phase(run, "execution", "⚙️ Plan executed", phase="finished", duration_ms=61_000),
        phase(run, "memory", "💾 Updating memory...", phase="started"),
        phase(run, "completion", "💬 Writing the answer...", phase="started"),
        change(run, "memory", "created", None, memory("Stack", "Stack")),
        phase(run, "memory", "💾 Memory updated", phase="finished", duration_ms=3),
        events.Token(run, offset=0, text="Wrong sta"),
        events.Token(run, offset=0, text="Here 🗡️ it"),
        events.Token(run, offset=10, text=" is"),
        phase(run, "completion", "🎉 Processing complete!", phase="finished", duration_ms=90),
        events.Run(run, "succeeded"),
        complete(
            run,
            "Here 🗡️ it is",
            "<p>Here 🗡️ it <em>is</em></p>\n<ul>\n<li>x</li>\n</ul>",
            63_499,
            DONE,
        ),
    ]


def chained_run() -> list[Event]:
    """A step fails, one that needs it is skipped; the plan is made twice. A memory follows the answer."""
    run, booking = CHAIN, task(BOOKING, "Booking", 1)
    started = {**booking, "status": "in_progress", "priority": "low", "description": "More"}
    return [
        said(run, "日本語 🗡️", 2),
        events.Run(run, "queued", position=0),
        events.Run(run, "running"),
        phase(run, "resumed", "🔁 Resumed after a restart", "1 of 3 steps already done"),
        phase(run, "planning", "📋 Creating...", phase="started"),
        phase(run, "planning", "📋 Created", phase="finished", duration_ms=10),
        phase(run, "planning", "📋 Creating anew...", phase="started"),
        phase(run, "reading", "🔎 Reading “Booking” in full", phase="started", step_id="r1"),
        phase(run, "reading", "🔎 Reading “Booking” in full", phase="finished", step_id="r1"),
        phase(run, "reading", "🔎 Searching tasks for “<b>”", phase="started", step_id="r2"),
        sub_step(run, "searching", "r2", "1", "🔎 <i>Sessions</i>", done=3, of=20, phase="started"),
        sub_step(run, "searching", "r2", "1", "🔎 <i>Sessions</i>", done=9, of=20),
        sub_step(run, "searching", "r2", "1", "🔎 <i>Sessions</i>", done=9, phase="failed"),
        phase(
            run, "reading", "🔎 Searching tasks for “<b>”", "Too long", phase="failed", step_id="r2"
        ),
        phase(run, "planning", "📋 Created anew", phase="finished", duration_ms=20),
        plan(
            run,
            2,
            [
                {"id": "s1", "description": "Start booking"},
                {"id": "s2", "description": "Fail"},
                {"id": "s3", "description": "Follow", "depends_on": ["s2"]},
            ],
        ),
        phase(run, "execution", "⚙️ Executing plan...", phase="started"),
        step(run, "s1", "succeeded", 0, 40, "Creating 3 tasks, 1 done"),
        change(run, "task", "updated", booking, started),
        step(
            run,
            "s2",
            "failed",
            0,
            30,
            "Creating 3 tasks, 1 done, 1 failed",
            error="There is no such task.",
        ),
        step(run, "s3", "skipped", 0, None, error="Skipped."),
        phase(run, "execution", "⚙️ In part", phase="finished", duration_ms=3),
        phase(run, "memory", "💾 Updating memory...", phase="started"),
        events.Run(run, "succeeded"),
        complete(run, "Partly.", "<p>Partly.</p>", 3_725_000, PARTLY, remembers=True),
        change(run, "memory", "created", None, memory("Fails", "It often fails.")),
        phase(run, "memory", "💾 Memory updated", "1 note", phase="finished", duration_ms=7),
        # A person takes the first run's reminder back, and forth.
        change(None, "task", "deleted", task(REMINDER, "Reminder <b>", 2), None),
        change(None, "task", "restored", None, task(REMINDER, "Reminder <b>", 2)),
    ]


def asked_run() -> list[Event]:
    """Waits for a person twice, and goes on."""
    run = ASKED
    asked: dict[str, Any] = {"id": uid(400), "plan_revision": 1}
    done = task(BOOKING, "Booking", 1, status="completed")
    return [
        said(run, "Delete both", 3),
        events.Run(run, "running"),
        plan(run, 1, [{"id": "d", "description": "Delete"}]),
        wanted(asked, "The plan deletes 2 objects."),
        events.Run(run, "waiting"),
        events.Approval(
            run,
            **asked,
            status="rejected",
            reason="Only one",
            by="alice",
            comments=[{"step": "d", "text": "Not <this>"}],
            texts={"comments": ["Step 1, Delete: Not <this>"]},
        ),
        events.Run(run, "running"),
        plan(run, 2, [{"id": "d", "description": "Complete one"}]),
        events.Approval(run, id=uid(401), plan_revision=2, status="requested", reason=""),
        events.Run(run, "waiting"),
        events.Approval(run, id=uid(401), plan_revision=2, status="approved", by="alice"),
        events.Run(run, "running"),
        steering(1, "taken", author="alice", content="Keep <b>the rest</b>\n ", client_id=uid(9)),
        steering(2, "taken", author="bob", content="And this?"),
        steering(1, "applied", plan_revision=3),
        steering(2, "next", next_run=BROKEN, reason="No valid plan was found with it."),
        change(run, "task", "updated", task(BOOKING, "Booking", 1), done),
        change(
            run, "memory", "updated", memory("Stack", "Stack"), memory("Stack", "Django", "fact")
        ),
        events.Run(run, "succeeded"),
        complete(run, "", "", 999, "Done in 999 ms · 1 step · 1 task, 1 memory"),
    ]


def steering(number: int, status: str, **told: Any) -> Event:
    return events.Steering(ASKED, id=uid(410 + number), status=status, **told)


def wanted(asked: Mapping[str, Any], reason: str) -> Event:
    """An approval is asked for, with what the plan would do and how long that may take."""
    old, new = {"status": "pending", "depends_on": []}, {"status": "completed", "depends_on": ["x"]}
    made = memory("Stack", "Django")
    what = {"object": "task", "id": str(BOOKING), "title": "Booking <b>"}
    changes = [
        {**what, "action": "deleted", "before": task(BOOKING, "Booking <b>", 1), "after": None},
        {**what, "action": "updated", "before": old, "after": new, "differs": True},
        {
            **what,
            "object": "memory",
            "title": "Stack",
            "action": "created",
            "before": None,
            "after": made,
        },
    ]
    return events.Approval(
        ASKED,
        **asked,
        status="requested",
        reason=reason,
        effects=[StepEffect(step="d", changes=changes, note="And more.")],
        estimate={"low_ms": 80, "median_ms": 900, "high_ms": 4200},
        expires_at="2026-03-11T09:30:00.000000Z",
    )


def unlucky_runs() -> list[Event]:
    """One fails, one is cancelled in mid-answer, a third is queued behind and withdrawn."""
    error = {"code": "model_timeout", "retryable": True, "partial": "Half of"}
    return [
        replace(said(BROKEN, "Hello?", 4), into=ASKED),
        events.Run(BROKEN, "running"),
        phase(BROKEN, "analyzing", "🧠 Analyzing...", phase="started"),
        said(STOPPED, "And this?", 5),
        events.Run(STOPPED, "queued", position=1),
        said(QUEUED, "Behind that", 6),
        events.Run(QUEUED, "queued", position=2),
        phase(BROKEN, "analyzing", "❌ Analyzing failed", "Timeout", phase="failed"),
        phase(BROKEN, "error", "❌ The model took too long.", "model_timeout"),
        events.Run(BROKEN, "failed"),
        events.Error(BROKEN, error="The model took too long.", **error),
        events.Run(STOPPED, "running"),
        phase(STOPPED, "completion", "💬 Writing the answer...", phase="started"),
        events.Token(STOPPED, offset=0, text="I was  about\nto"),
        events.Run(QUEUED, "cancelled"),
        events.Cancelled(QUEUED, by="alice", reason=""),
        events.Run(STOPPED, "cancelled"),
        events.Cancelled(STOPPED, by="alice", reason="enough", partial="I was  about\nto"),
    ]


def unfinished_run() -> list[Event]:
    run = LATER
    return [
        said(run, "Create a login task", 7),
        events.Run(run, "queued", position=0),
        events.Run(run, "running"),
        plan(run, 1, [{"id": "s1", "description": "Create"}]),
        phase(run, "execution", "⚙️ Executing plan...", phase="started"),
        step(run, "s1", "running", 400),
        sub_step(run, "editing", "s1", "1", "📝 Begun before a crash", phase="started"),
        step(run, "s1", "running", 500),
        sub_step(run, "editing", "s1", "1", "📝 Editing", done=1, of=3, phase="started"),
        sub_step(run, "searching", "s1", "1", "🔎 Sooner", phase="started"),
        sub_step(
            run, "searching", "s1", "1", "🔎 Sooner", done=7, phase="finished", duration_ms=40
        ),
        sub_step(run, "editing", "s1", "1", "📝 Editing", done=2, of=3),
        # The package that registered it is gone, or its step.
        sub_step(run, GONE, "s1", "1", "☎️ Calling <b>", phase="started"),
        sub_step(run, GONE, "s9", "1", "☎️ Calling <b>", phase="started"),
        change(run, "task", "created", None, task(LOGIN, "Login", 3, parent=str(BOOKING))),
        # What no version of this page knows is passed over, what is broken is a plain line.
        Foreign(run, type="progress", fields={"progress": None}),
        Foreign(run, type="holiday", fields={"mood": "good"}),
        Foreign(run, type="greeting", fields={"text": {"message": "Good morning"}}),
        phase(run, "completion", "💬 Writing the answer...", phase="started"),
        events.Token(run, offset=0, text="So far"),
    ]


def story() -> list[str]:
    """Returns the frames of the session's log, the first with seq 1."""
    progress_step("weather", icon="⛅", color="phase-context")
    progress_step(GONE, icon="☎️", color="bad")
    parts = (first_run(), chained_run(), asked_run(), unlucky_runs(), unfinished_run())
    told = [event for part in parts for event in part]
    frames = [
        replace(event, timestamp=stamp(START + timedelta(milliseconds=PACE * seq))).frame(seq)
        for seq, event in enumerate(told, 1)
    ]
    remove_step(GONE)
    return frames


def rows() -> list[tuple[int, str, str | None, str]]:
    """Returns seq, type, run and body of each event, as the log's table keeps them."""
    frames = [(json.loads(body), body) for body in story()]
    return [(frame["seq"], frame["type"], frame["run"], body) for frame, body in frames]


def without_text(frame: dict[str, Any]) -> dict[str, Any]:
    # Comments are younger than texts.
    has_own = frame["type"] in ("token", "greeting") or "comments" in frame.get("approval", {})
    return {name: value for name, value in frame.items() if has_own or name != "text"}
