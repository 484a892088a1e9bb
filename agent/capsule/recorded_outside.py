"""What a run learned before its plan, in a replay: its context and its readings, as recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent.capsule.form import Capsule, State
from agent.capsule.pace import Pace
from agent.capsule.recorded_tools import is_report, report
from agent.llm.base import MAX_COUNTED, Context, MemoryBrief, Reading, ReadRequest, StartOver
from agent.models import Run
from agent.pipeline import context
from agent.pipeline.context import About
from agent.pipeline.outside import Outside
from agent.pipeline.sub_steps import Reports


class RecordedOutside(Outside):
    """`missing`: by status, how many more tasks and memories the project had than the capsule has."""

    def __init__(self, capsule: Capsule, pace: Pace, missing: Mapping[str, int]) -> None:
        assert capsule.state is not None, "it can be replayed"
        self._state: State = capsule.state
        self._readings = capsule.readings
        self._pace = pace
        self._missing = missing

    async def gather(self, run: Run) -> tuple[About, Context]:
        gathered = Context.from_json(self._state.context)
        about = About(
            context.State(gathered.counts, ()),
            gathered.people,
            frozenset(self._state.off),
            was_interrupted=False,
        )
        await self._pace.people()
        return about, gathered

    async def recall_again(self, run: Run, known: Context, words: str) -> Sequence[MemoryBrief]:
        if self._state.recalled is None:
            return await super().recall_again(run, known, words)
        return [MemoryBrief(**item) for item in self._state.recalled]

    async def gather_again(self, run: Run, before: Context, changed: Collection[str]) -> Context:
        after = await super().gather_again(run, before, changed)
        counts = {
            name: min(number + self._missing.get(name, 0), MAX_COUNTED)
            for name, number in {**dict.fromkeys(self._missing, 0), **after.counts}.items()
        }
        counts = {name: number for name, number in counts.items() if number or name == "memories"}
        return replace(after, counts=counts)

    def said(self, text: str) -> AsyncIterator[str | StartOver]:
        return self._pace.answer(text)

    async def title(self, run: Run, request: ReadRequest) -> str:
        known = self._find(request)
        return known["title"] if known else await super().title(run, request)

    async def read(
        self, run: Run, key: str, request: ReadRequest, title: str, reports: Reports
    ) -> Reading:
        known = self._find(request)
        if known is None:
            return await super().read(run, key, request, title, reports)
        for place, frame in enumerate(self._pace.recorded):
            if is_report(frame, key):
                await self._pace.until(place)
                report(reports, frame)
        await self._pace.people()
        return Reading(**known)

    def _find(self, request: ReadRequest) -> dict[str, Any] | None:
        asked = (request.tool, dict(request.arguments))
        return next(
            (one for one in self._readings if (one["tool"], dict(one["arguments"])) == asked), None
        )
