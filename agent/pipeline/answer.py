"""Writes the answer to the event log as the model streams it, and marks the plan's text steps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from django.utils import timezone

from agent.event_log import events
from agent.event_log.log import Done
from agent.event_log.phases import Phase
from agent.llm.base import StartOver
from agent.models import PlanStep
from agent.plans.store import step_event
from agent.runs.recorder import Recorder
from agent.support import raw_sql

GATHER = 0.1  # seconds between events; the chunks in between are sent together
FIRST = 0.005  # seconds before the first event: a quick model has ended by then


# Writes the end of an answer inside an effect; returns its events.
Rest = Callable[[], list[events.Event]]


async def write_answer(
    recorder: Recorder, chunks: AsyncIterator[str | StartOver], text_steps: Sequence[PlanStep]
) -> tuple[str, Rest]:
    """Returns the complete answer, and its end: the last piece and the ends of `text_steps`.

    The end is for the commit that ends the run. All else was committed, as `token` events.
    """
    if text_steps:
        await recorder.append(
            effect=lambda: Done(None, _all(recorder, text_steps, PlanStep.Status.RUNNING))
        )
    stream = _Stream(recorder)
    await stream.write(chunks)
    last = stream.unsent()

    def rest() -> list[events.Event]:
        return [*last, *_all(recorder, text_steps, PlanStep.Status.SUCCEEDED)]

    return stream.text.strip(), rest


def _all(
    recorder: Recorder, steps: Sequence[PlanStep], status: PlanStep.Status
) -> list[events.Event]:
    return [event for step in steps for event in _set_status(recorder, step, status)]


def _set_status(
    recorder: Recorder, step: PlanStep, status: PlanStep.Status
) -> tuple[events.Event, events.Event]:
    ends = status == PlanStep.Status.SUCCEEDED
    step.status = status
    if ends:
        step.finished_at = timezone.now()
    else:
        step.started_at, step.finished_at = timezone.now(), None
    raw_sql.save(step, "status", "started_at", "finished_at")
    return step_event(recorder.run.pk, step), _progress(recorder, step, ends)


def _progress(recorder: Recorder, step: PlanStep, ends: bool) -> events.Event:
    outlook = recorder.outlook
    expected = outlook.step_ended(step.key) if ends else outlook.step_started(step.key)
    metadata = {"phase": "finished" if ends else "started", "step_id": step.key, **expected}
    if step.started_at and step.finished_at:
        took = step.finished_at - step.started_at
        metadata["duration_ms"] = round(took.total_seconds() * 1000)
    return events.Progress(recorder.run.pk, Phase.COMPLETION, step.description, "", metadata)


class _Stream:
    """Receives chunks from the model and writes them as events, at most ten a second."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.text = ""
        self.sent = 0  # characters of `text` that are in the event log
        self.starts_over = False  # the text in the event log is not part of the answer
        self.ended = asyncio.Event()
        self.received = asyncio.Event()

    async def write(self, chunks: AsyncIterator[str | StartOver]) -> None:
        """Writes all but what is `unsent` then; when the model fails, all before the error is raised."""
        receiving = asyncio.create_task(self._receive(chunks))
        try:
            await self._send()
        finally:
            receiving.cancel()
            await asyncio.wait([receiving])
        if receiving.exception() and (unsent := self.unsent()):
            await self.recorder.append(*unsent)
        receiving.result()

    def unsent(self) -> list[events.Event]:
        if not self._has_unsent():
            return []
        text = self.text[self.sent :]
        return [events.Token(self.recorder.run.pk, offset=self.sent, text=text)]

    async def _receive(self, chunks: AsyncIterator[str | StartOver]) -> None:
        try:
            async for chunk in chunks:
                if isinstance(chunk, StartOver):
                    self.text, self.sent, self.starts_over = "", 0, True
                else:
                    self.text += chunk
                self.received.set()
        finally:
            self.ended.set()
            self.received.set()

    async def _send(self) -> None:
        await self.received.wait()
        await self._gather(FIRST)
        while not self.ended.is_set():
            await self.received.wait()
            self.received.clear()
            if self.ended.is_set() or not (unsent := self.unsent()):
                continue
            self.starts_over, self.sent = False, len(self.text)
            await self.recorder.append(*unsent)
            await self._gather(GATHER)

    def _has_unsent(self) -> bool:
        return self.starts_over or self.sent < len(self.text)

    async def _gather(self, seconds: float) -> None:
        """Waits for more chunks to send together; not when the answer has ended."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.ended.wait(), seconds)


async def followed_by(
    chunks: AsyncIterator[str | StartOver], end: str
) -> AsyncIterator[str | StartOver]:
    async for chunk in chunks:
        yield chunk
    if end:
        yield f"\n\n{end}"


async def said(text: str) -> AsyncIterator[str | StartOver]:
    yield text
