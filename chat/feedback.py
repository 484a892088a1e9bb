"""Adds a user's feedback to the runs of a transcript. It is not in the event log."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from agent.models import Feedback, Run
from agent.support import raw_sql
from chat.transcript import Opinion, Transcript


def add(transcript: Transcript, user: User) -> None:
    runs = {run.run: run for run in transcript.exchanges}
    if not runs:
        return
    where = f"user_id = %s AND run_id IN ({','.join(['%s'] * len(runs))})"
    for row in raw_sql.select(Feedback, where, user.pk, *map(UUID, runs)):
        run, opinion = runs[str(row.run_id)], Opinion(row.value, row.comment)
        run.opinions[row.target] = opinion
        for step in run.steps:
            if step.id == row.target:
                step.opinion = opinion


def opinion_on_progress(run: Run, user: User) -> int:
    """Returns 1 if the user found the display of the run's progress helpful, -1 if not, else 0."""
    rows = Feedback.objects.filter(run=run, user=user, target="progress")
    return rows.values_list("value", flat=True).first() or 0


def rate(run: Run, user: User, target: str, **fields: Any) -> tuple[Feedback, bool]:
    """Saves what the user thinks; returns the row, and whether it is new. `fields`: value, comment."""
    return Feedback.objects.update_or_create(run=run, user=user, target=target, defaults=fields)
