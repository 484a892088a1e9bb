"""What a run has from outside of its model and of the steps of its plan: its context, readings, and an
answer that no model writes.

A replay has another `Outside`, with what was recorded.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence

from agent.llm.base import Context, MemoryBrief, Reading, ReadRequest, StartOver
from agent.models import Run
from agent.pipeline import answer, context, reading
from agent.pipeline.sub_steps import Reports
from agent.support import database


class Outside:
    """Reads from the database of the process."""

    async def gather(self, run: Run) -> tuple[context.About, Context]:
        def gathered() -> tuple[context.About, Context]:
            about = context.about(run)
            return about, context.gather(run, about)

        return await database.call(gathered)

    async def recall_again(self, run: Run, known: Context, words: str) -> Sequence[MemoryBrief]:
        return await database.call(context.recall_again, run, known, words)

    async def gather_again(self, run: Run, before: Context, changed: Collection[str]) -> Context:
        return await database.call(context.gather_again, run, before, changed)

    async def title(self, run: Run, request: ReadRequest) -> str:
        """Returns what a reading reads, as a person is told it."""
        return await database.call(reading.title_of, run.session.project_id, request)

    def said(self, text: str) -> AsyncIterator[str | StartOver]:
        """Yields an answer that no model writes."""
        return answer.said(text)

    async def read(
        self, run: Run, key: str, request: ReadRequest, title: str, reports: Reports
    ) -> Reading:
        """Carries out the reading `key` before the plan."""
        return await reading.called(run, request, title, reports)
