"""Makes the events of a session's log, for the tests that tell one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import agent.tools  # noqa: F401  (registers the sub-steps)
from agent.event_log import events, texts
from agent.event_log.events import Event
from agent.event_log.payloads import Answer
from agent.event_log.times import stamp

START = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
ETA = {"low_ms": 900, "median_ms": 2400, "high_ms": 4100}
GONE = "calling"  # a sub-step whose package is not there any more
# Milliseconds between two events: odd, so that durations are rounded.
PACE = 137
HALF, BOTH = "Running 2 steps, 1 done", "Running 2 steps, 2 done"
DONE = "Done in 1 min 3 s · 2 steps · 2 tasks, 1 memory"
PARTLY = "Done in 1 h 2 min · 1 of 3 steps failed, 1 skipped · 1 task"


def uid(number: int) -> UUID:
    return UUID(int=(0x5EED << 112) + number)


FIRST, CHAIN, ASKED, BROKEN, STOPPED, QUEUED, LATER = (uid(number) for number in range(1, 8))
BOOKING, REMINDER, LOGIN, DECISION = (uid(number) for number in range(21, 25))


# One of each kind of value.
ARGUMENTS = {
    "title": "Booking <b>",
    "depends_on": ["x", "y"],
    "in_order": True,
    "limit": 3,
    "ratio": 0.5,
    "whole": 2.0,
    "parent": None,
    "nothing": {},
    "tasks": [{"title": "A", "after": [0]}, {"title": "B", "after": []}],
}


def task(id: UUID, title: str, position: int, **more: Any) -> dict[str, Any]:
    fields = {"description": "", "status": "pending", "priority": "medium", "parent": None}
    return {
        "id": str(id),
        "title": title,
        "position": position,
        "depends_on": [],
        **fields,
        **more,
    }


def memory(title: str, content: str, kind: str = "decision") -> dict[str, Any]:
    return {"id": str(DECISION), "title": title, "content": content, "kind": kind, "category": ""}


@dataclass(frozen=True, kw_only=True)
class Foreign(Event):
    """An event that this version cannot write."""

    type: str  # type: ignore[misc]
    fields: dict[str, Any]

    def told(self) -> dict[str, Any]:
        return self.fields


def said(run: UUID, content: str, number: int) -> Event:
    return events.Message(
        run, id=uid(100 + number), role="user", author="alice", content=content, client_id=run
    )


def phase(run: UUID, step: str, message: str, details: str = "", **told: Any) -> Event:
    return events.Progress(run, step, message, details, told)


def sub_step(run: UUID, step: str, parent: str, part: str, message: str, **told: Any) -> Event:
    counts = {name: told[name] for name in ("done", "of") if name in told} | {"unit": "<b>"}
    about = {**told, "unit": "<b>", "step_id": parent, "part": part}
    return phase(run, step, message, texts.counted(counts), **about)


def plan(run: UUID, revision: int, steps: Sequence[Mapping[str, Any]], summary: str = "") -> Event:
    blank = {"type": "tool", "tool": "create_task", "arguments": {}, "depends_on": []}
    whole = [{**blank, "status": "pending", **step} for step in steps]
    return events.Plan(
        run,
        id=uid(200 + revision),
        revision=revision,
        summary=summary,
        assumptions=[{"text": f"<b>{revision}</b>", "steps": []}] if revision > 1 else [],
        questions=[{"question": "Until when?", "choices": ["Monday"]}] if revision > 1 else [],
        steps=whole,
    )


def after(milliseconds: int) -> str:
    return stamp(START + timedelta(milliseconds=milliseconds))


def step(
    run: UUID,
    id: str,
    status: str,
    start: int,
    end: int | None = None,
    line: str = "",
    **more: Any,
) -> Event:
    """`start` and `end`: milliseconds after the story's start; `line`: what the run does now."""
    return events.Step(
        run,
        texts={"line": line} if line else None,
        id=id,
        status=status,
        started_at=after(start),
        finished_at=None if end is None else after(end),
        **more,
    )


def change(
    run: UUID | None,
    kind: str,
    action: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> Event:
    id = UUID((after or before or {})["id"])
    return events.Change(
        run, object=kind, id=id, action=action, before=before, after=after, by="alice"
    )


def complete(
    run: UUID, text: str, html: str, ms: int, line: str = "", *, remembers: bool = False
) -> Event:
    usage = {"input_tokens": 0, "output_tokens": 0, "calls": 0}
    return events.Complete(
        run,
        response=text,
        message=Answer(id=str(uid(300)), role="assistant", content=text, html=html),
        usage=usage,
        duration_ms=ms,
        remembers=remembers,
        texts={"line": line} if line else None,
    )
