"""Writes the answer to the log while the model writes it, with the plan steps that are words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from django.utils import timezone

from agent.event_log import events
from agent.event_log.log import Done
from agent.event_log.phases import Phase
from agent.llm.base import StartOver
from agent.models import PlanStep
from agent.plans.store import step_event
from agent.runs.recorder import Recorder
from agent.support import raw_sql

# How long pieces are gathered into one event, in seconds; the first goes out at once.
GATHER = 0.1


async def write_answer(
    recorder: Recorder, pieces: AsyncIterator[str | StartOver], spoken: Sequence[PlanStep]
) -> str:
    """Returns the whole answer, all of it committed as `token` events."""
    for step in spoken:
        await _mark(recorder, step, PlanStep.Status.RUNNING)
    text = await _Stream(recorder).all(pieces)
    for step in spoken:
        await _mark(recorder, step, PlanStep.Status.SUCCEEDED)
    return text.strip()


async def _mark(recorder: Recorder, step: PlanStep, status: PlanStep.Status) -> None:
    ends = status == PlanStep.Status.SUCCEEDED

    def effect() -> Done[None]:
        step.status = status
        if ends:
            step.finished_at = timezone.now()
        else:
            step.started_at, step.finished_at = timezone.now(), None
        raw_sql.save(step, "status", "started_at", "finished_at")
        return Done(None, [step_event(recorder.run.pk, step), _progress(recorder, step, ends)])

    await recorder.append(effect=effect)


def _progress(recorder: Recorder, step: PlanStep, ends: bool) -> events.Event:
    outlook = recorder.outlook
    expected = outlook.step_ended(step.key) if ends else outlook.step_started(step.key)
    metadata = {"phase": "finished" if ends else "started", "step_id": step.key, **expected}
    if step.started_at and step.finished_at:
        took = step.finished_at - step.started_at
        metadata["duration_ms"] = round(took.total_seconds() * 1000)
    return events.Progress(recorder.run.pk, Phase.COMPLETION, step.description, "", metadata)


class _Stream:
    """Pieces come in as the model writes them, go out as events at most ten times a second."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.written = ""
        self.told = 0  # characters of `written` that are in the log
        self.starts_over = False  # what is in the log is no part of the answer
        self.ended = asyncio.Event()
        self.news = asyncio.Event()

    async def all(self, pieces: AsyncIterator[str | StartOver]) -> str:
        """What was written before an error is in the log before the error is raised."""
        taking = asyncio.create_task(self._take(pieces))
        try:
            await self._tell()
        finally:
            taking.cancel()
            await asyncio.wait([taking])
        taking.result()
        return self.written

    async def _take(self, pieces: AsyncIterator[str | StartOver]) -> None:
        try:
            async for piece in pieces:
                if isinstance(piece, StartOver):
                    self.written, self.told, self.starts_over = "", 0, True
                else:
                    self.written += piece
                self.news.set()
        finally:
            self.ended.set()
            self.news.set()

    async def _tell(self) -> None:
        while not self.ended.is_set() or self._has_news():
            await self.news.wait()
            self.news.clear()
            if not self._has_news():
                continue
            self.starts_over = False
            offset, self.told = self.told, len(self.written)
            text = self.written[offset:]
            await self.recorder.append(events.Token(self.recorder.run.pk, offset=offset, text=text))
            await self._gather()

    def _has_news(self) -> bool:
        return self.starts_over or self.told < len(self.written)

    async def _gather(self) -> None:
        """Waits for more to tell at once, and not a moment when there is no more to come."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.ended.wait(), GATHER)
