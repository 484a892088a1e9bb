"""Fills a session with exchanges that are over, past the engine: rows and events as a run leaves them.

For tests and benchmarks of long sessions. As a program, with the server's environment: session, count.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import django
from django.apps import apps

PHASES = ("start", "context", "analyzing", "planning", "validation", "execution", "completion")


def fill(session_id: UUID | str, count: int) -> list[UUID]:
    """Adds `count` exchanges of 21 events; returns their runs. Every third one changes the same task."""
    from django.utils import timezone

    from agent.models import ChatSession, Event, Message, Run
    from agent.support.markdown import render

    session = ChatSession.objects.get(pk=session_id)
    began = timezone.now() - timedelta(days=30)
    messages, runs, rows, task = [], [], [], uuid4()
    for number in range(session.run_count + 1, session.run_count + count + 1):
        at = began + timedelta(minutes=number)
        said, answer = (
            Message(session=session, role=role, content=text, created_at=at)
            for role, text in (("user", f"Question {number}"), ("assistant", ANSWER % number))
        )
        run = Run(
            session=session,
            message=said,
            answer=answer,
            number=number,
            status="succeeded",
            created_at=at,
        )
        messages += [said, answer]
        runs.append(run)
        for event in _events(run, render(answer.content, str(answer.pk)), task):
            seq = session.last_seq + len(rows) + 1
            frame = event.frame(seq)
            rows.append(
                Event(
                    session=session,
                    seq=seq,
                    run=run if event.run else None,
                    type=event.type,
                    body=frame,
                )
            )
    for model, made in ((Message, messages), (Run, runs), (Event, rows)):
        for at in range(0, len(made), 500):
            model.objects.bulk_create(made[at : at + 500])  # type: ignore[attr-defined]  # each has it
    session.last_seq += len(rows)
    session.run_count += count
    session.save(update_fields=["last_seq", "run_count"])
    return [run.pk for run in runs]


ANSWER = """Answer %d, with **some** Markdown:

- one thing
- another, with `code`
"""


def _events(run: Any, html: str, task: UUID) -> Iterator[Any]:
    from agent.event_log import events
    from agent.event_log.payloads import Answer

    key, said = run.pk, run.message
    yield events.Message(
        key, id=said.pk, role="user", author="alice", content=said.content, client_id=None
    )
    yield events.Run(key, "queued", position=0)
    yield events.Run(key, "running")
    for name in PHASES:
        yield events.Progress(key, name, f"{name} began", "", {"phase": "started"})
        if name == "planning":
            step = {"id": "s1", "type": "tool", "tool": "create_task", "description": "Do it"}
            yield events.Plan(
                key,
                id=uuid4(),
                revision=1,
                summary="",
                steps=[
                    {**step, "arguments": {"title": "x"}, "depends_on": [], "status": "pending"}
                ],
            )
        if name == "execution" and run.number % 3 == 0:
            fields = {"title": f"Task {run.number}", "status": "pending", "priority": "medium"}
            yield events.Change(
                key,
                object="task",
                id=task,
                action="updated",
                before=fields,
                after={**fields, "status": "completed"},
                by="alice",
            )
        elif name == "execution":
            yield events.Step(key, id="s1", status="succeeded")
        told = {"phase": "finished", "duration_ms": 10 * len(name)}
        yield events.Progress(key, name, f"{name} is over", "Some details of it", told)
    yield events.Run(key, "succeeded")
    yield events.Complete(
        key,
        response=run.answer.content,
        message=Answer(
            id=str(run.answer.pk), role="assistant", content=run.answer.content, html=html
        ),
        usage={"input_tokens": 1, "output_tokens": 1, "calls": 1},
        duration_ms=1234,
    )


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samurai_site.settings")
    if not apps.ready:
        django.setup()
    fill(UUID(sys.argv[1]), int(sys.argv[2]))
