"""Fills a session with exchanges that are over, past the engine: rows and events as a run leaves them.

For tests and benchmarks of long sessions. As a program, with the server's environment: session, count, and
the numbers of steps.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import django
from django.apps import apps

PHASES = ("start", "context", "analyzing", "planning", "validation", "execution", "completion")


def fill(session_id: UUID | str, count: int, sizes: Sequence[int] = (1,)) -> list[UUID]:
    """Adds `count` exchanges, one a minute from 30 days ago on; returns their runs.

    `sizes`: the numbers of steps of the plans, in turn. An exchange with one step has 21 events; every third
    one changes the same task.
    """
    from django.utils import timezone

    from agent.event_log.times import stamp
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
        size = sizes[number % len(sizes)]
        for event in _events(run, render(answer.content, str(answer.pk)), task, size):
            seq = session.last_seq + len(rows) + 1
            frame = replace(event, timestamp=stamp(at)).frame(seq)
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
    for run in runs:  # the database has set the time at which they were added
        run.created_at = began + timedelta(minutes=run.number)
    Run.objects.bulk_update(runs, ["created_at"], batch_size=500)
    session.last_seq += len(rows)
    session.run_count += count
    session.save(update_fields=["last_seq", "run_count"])
    return [run.pk for run in runs]


ANSWER = """Answer %d, with **some** Markdown:

- one thing
- another, with `code`
"""


def _events(run: Any, html: str, task: UUID, size: int) -> Iterator[Any]:
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
            steps = [_step(at) for at in range(1, size + 1)]
            yield events.Plan(key, id=uuid4(), revision=1, summary="", steps=steps)
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
            for at in range(1, size + 1):
                yield events.Step(key, id=f"s{at}", status="succeeded")
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


def _step(number: int) -> Any:
    step = {"id": f"s{number}", "type": "tool", "tool": "create_task", "description": "Do it"}
    return {**step, "arguments": {"title": "x"}, "depends_on": [], "status": "pending"}


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samurai_site.settings")
    if not apps.ready:
        django.setup()
    fill(UUID(sys.argv[1]), int(sys.argv[2]), [int(size) for size in sys.argv[3:]] or (1,))
