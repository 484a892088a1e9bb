"""The rows of runs as they would be after so many seconds: for tests of the pages of runs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agent.board import tasks
from agent.event_log import events
from agent.event_log.phases import Phase
from agent.llm.writing import pack
from agent.models import (
    ChatSession,
    Event,
    Message,
    ModelCall,
    PhaseResult,
    PlanRevision,
    PlanStep,
    Run,
    Task,
)

BAND = {"low_ms": 900, "high_ms": 1500}  # of an estimate


class RunRows:
    """One run and its rows. All times are in seconds after its message was sent, an hour ago."""

    def __init__(
        self,
        session: ChatSession,
        *,
        began: float | None = 0,
        ended: float | None = 10,
        status: str = "succeeded",
        message: Message | None = None,
        **fields: Any,
    ) -> None:
        self.sent = timezone.now() - timedelta(hours=1)
        said = message or Message.objects.create(
            session=session, role="user", content="Plan it", author=session.created_by
        )
        self.run = Run.objects.create(
            session=session,
            number=session.runs.count() + 1,
            message=said,
            status=status,
            created_by=session.created_by,
            started_at=None if began is None else self.at(began),
            finished_at=None if ended is None else self.at(ended),
            **fields,
        )
        Run.objects.filter(pk=self.run.pk).update(created_at=self.sent)
        self.run.refresh_from_db()

    def at(self, seconds: float) -> datetime:
        return self.sent + timedelta(seconds=seconds)

    def phase(self, phase: str, start: float, end: float, **fields: Any) -> PhaseResult:
        took = round((end - start) * 1000)
        return PhaseResult.objects.create(
            run=self.run, phase=phase, started_at=self.at(start), duration_ms=took, **fields
        )

    def phases(self, *phases: Phase) -> None:
        """Each takes a second, one after the other."""
        for number, phase in enumerate(phases):
            self.phase(phase, number, number + 1)

    def plan(self, *steps: dict[str, Any], revision: int = 1, **fields: Any) -> PlanRevision:
        plan = PlanRevision.objects.create(run=self.run, revision=revision, **fields)
        PlanStep.objects.bulk_create(
            PlanStep(plan=plan, position=number, **step) for number, step in enumerate(steps, 1)
        )
        return plan

    def step(
        self,
        key: str,
        description: str,
        start: float | None = None,
        end: float | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Returns the fields of a step for `plan`."""
        return {
            "key": key,
            "type": "tool",
            "tool": "create_task",
            "description": description,
            "status": "succeeded",
            "started_at": None if start is None else self.at(start),
            "finished_at": None if end is None else self.at(end),
            **fields,
        }

    def call(self, verb: str, start: float, end: float, **fields: Any) -> ModelCall:
        defaults = {
            "prompt": pack([{"role": "user", "content": "What it was sent"}]),
            "model": "small-model",
            "input_tokens": 1200,
            "output_tokens": 34,
        }
        return ModelCall.objects.create(
            run=self.run,
            verb=verb,
            started_at=self.at(start),
            duration_ms=round((end - start) * 1000),
            **{**defaults, **fields},
        )

    def log(self, new: Iterable[events.Event]) -> None:
        """Writes events at the end of the log of the session."""
        session = self.run.session
        rows = []
        for event in new:
            session.last_seq += 1
            body = event.frame(session.last_seq)
            rows.append(
                Event(
                    session=session,
                    seq=session.last_seq,
                    run_id=event.run,
                    type=event.type,
                    body=body,
                )
            )
        Event.objects.bulk_create(rows)
        session.save(update_fields=["last_seq"])


def created(run: Run, task: Task) -> events.Change:
    after = tasks.task_json(task)
    return events.Change(
        run.pk, object="task", id=task.pk, action="created", before=None, after=after, by="alice"
    )


def page(client: Client, user: User, run: Run) -> str:
    client.force_login(user)
    response = client.get(f"/runs/{run.pk}/")
    assert response.status_code == 200
    return response.content.decode()
