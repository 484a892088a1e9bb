"""The agent as a library: `PlanningFirstAgent` executes a message in this process, without a server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agent.board import projects
from agent.engine import local
from agent.event_log import events, parsing
from agent.event_log.follower import follow
from agent.event_log.phases import is_part
from agent.llm.base import Model
from agent.llm.factory import open_model
from agent.models import ChatSession, PhaseResult, Project, Run
from agent.pipeline.outcomes import outcomes
from agent.plans import store
from agent.runs import runs
from agent.support import database

logger = logging.getLogger(__name__)

CALLBACK_TIMEOUT = 5.0  # seconds that a slow callback may continue after the end of the run

ProgressCallback = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True)
class AgentResult:
    """The result of a message. `durations`: milliseconds of each phase; `usage`: tokens and calls."""

    run: UUID
    status: str
    answer: str
    plan: dict[str, Any] | None
    steps: tuple[dict[str, Any], ...]
    usage: dict[str, int]
    durations: dict[str, int]
    error: str = ""
    code: str = ""


class PlanningFirstAgent:
    """Answers messages with `model`, or with the model of the settings."""

    def __init__(self, model: Model | None = None) -> None:
        self.model = model or open_model()

    async def process_user_message(
        self,
        message: str,
        project_id: UUID,
        project_context: str = "",
        session_id: UUID | None = None,
        conversation_history: list[dict[str, str]] | None = None,
        progress_callback: ProgressCallback | None = None,
    ) -> AgentResult:
        """Executes `message` in this process, without a server, and returns the result.

        The run is like any other: it is in the session's event log, and viewers see it live.
        `progress_callback(step, message, details, metadata)` is called for each progress event after
        its commit; a callback that raises, hangs or is slow does not affect the run. The model gets
        `project_context` in addition to the stored description; `conversation_history` (`role`,
        `content`, oldest first) replaces the stored one. Without `session_id` a new session is
        created. Raises `Refused` for an invalid message; a failed run returns a result with `error`
        and `code`.
        """
        session = await database.call(_session, project_id, session_id)
        request = runs.MessageRequest(
            content=message,
            given={
                "project_context": project_context,
                "conversation_history": conversation_history or [],
            },
        )
        async with local.executing(self.model, {session.pk}):
            run = await runs.start(session.pk, session.project.owner, request)
            await _watch(run, session.last_seq, progress_callback)
        return await database.call(result, run.pk)


async def _watch(run: Run, after: int, callback: ProgressCallback | None) -> None:
    """Waits for the end of `run`, and calls `callback` meanwhile."""
    reporting = asyncio.create_task(_report(run.session_id, run.pk, after, callback))
    try:
        async with aclosing(follow(run.session_id, after)) as frames:
            async for frame in frames:
                if frame.run == run.pk and frame.type in events.LAST:
                    break
        await asyncio.wait([reporting], timeout=CALLBACK_TIMEOUT)
    finally:
        reporting.cancel()


def _session(project_id: UUID, session_id: UUID | None) -> ChatSession:
    project = Project.objects.get(pk=project_id)
    if session_id is None:
        return projects.open_session(project, project.owner)
    return ChatSession.objects.select_related("project__owner").get(pk=session_id, project=project)


async def _report(session: UUID, run: UUID, after: int, callback: ProgressCallback | None) -> None:
    if callback is None:
        return
    async with aclosing(follow(session, after)) as frames:
        async for frame in frames:
            if frame.run == run and frame.type == events.EventType.PROGRESS:
                event = parsing.read(frame.body)
                assert isinstance(event, events.Progress), "the frame has its type"
                try:
                    await callback(event.step, event.message, event.details, event.metadata)
                except Exception:  # the caller's code: it must not affect the run
                    logger.exception("A progress callback failed")
            if frame.run == run and frame.type in events.LAST:
                return


def result(run_id: UUID) -> AgentResult:
    """Returns the result of a run, from its rows."""
    run = Run.objects.select_related("answer").get(pk=run_id)
    revision = store.latest(run)
    steps = outcomes(revision.steps.all()) if revision else ()
    results = PhaseResult.objects.filter(run=run)
    return AgentResult(
        run=run.pk,
        status=run.status,
        answer=run.answer.content if run.answer else run.partial,
        plan=store.as_plan(revision).as_json() if revision else None,
        steps=tuple(
            {"id": step.id, "status": step.status, "result": step.result, "error": step.error}
            for step in steps
        ),
        usage=run.usage,
        durations={
            phase: duration_ms
            for phase, duration_ms in results.values_list("phase", "duration_ms")
            if not is_part(phase)
        },
        error=run.error,
        code=run.error_code,
    )
