"""Adds a user's feedback to the runs of a transcript. It is not in the event log."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User

from agent.models import Feedback
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
