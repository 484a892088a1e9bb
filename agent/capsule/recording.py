"""Makes the capsule of a run, from its rows and its events. Changes nothing."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone
from pydantic import ValidationError

from agent.capsule.form import (
    FORMAT,
    MAX_CALLS,
    MAX_EVENTS,
    MAX_MESSAGES,
    VERSION,
    Call,
    Capsule,
    NoCapsule,
    RunForm,
    Settings,
    ToolForm,
    ToolSpecForm,
    problems,
)
from agent.capsule.state import state_of
from agent.event_log.phases import READING, Phase, is_part
from agent.event_log.times import stamp
from agent.llm.factory import OFFLINE_NAME
from agent.llm.writing import unpack
from agent.models import Event, Run
from agent.pipeline.context import HISTORY_MESSAGES
from agent.pipeline.reports import AFTER_RESTART
from agent.tools import registry

_RELATED = (
    "session__project__owner", "session__task", "message__author", "created_by", "retry_of",
)  # fmt: skip
OUR_PACKAGE = "agent"  # whose tools are in every installation
_NOT_OVER = "The run is not over yet: a capsule is made of a run that has ended."
_PRUNED = "The events of the run were deleted."
_NO_CONTEXT = "The run ended before it had gathered its context."
_NO_CALLS = (
    "The calls to the model are no longer kept, or never were: see SAMURAI_KEEP_PROMPTS_DAYS. Without "
    "them there are no answers with which the run could be carried out again."
)
_RESUMED = (
    "A process that executed the run ended before the run did. At which moment is not recorded, so that "
    "it cannot be carried out again."
)


def capsule_of(run: Run) -> Capsule:
    """Returns the capsule of a run that is over. Raises `NoCapsule` if there is nothing to put into one."""
    run = Run.objects.select_related(*_RELATED).get(pk=run.pk)
    if run.status in Run.UNFINISHED:
        raise NoCapsule(_NOT_OVER)
    own = [] if run.is_pruned else _events_of(run)
    if not own:
        raise NoCapsule(_PRUNED)
    if len(own) > MAX_EVENTS:
        raise NoCapsule(f"The run has {len(own):,} events, more than {MAX_EVENTS:,}.")
    results = {row.phase: row.result for row in run.phases.all()}
    try:
        return _capsule(run, own, results)
    except ValidationError as error:
        raise NoCapsule(f"The run has more than a capsule can have: {problems(error)}.") from None


def _capsule(run: Run, own: list[dict[str, Any]], results: Mapping[str, Any]) -> Capsule:
    has_context, calls = Phase.CONTEXT in results, _calls(run)
    return Capsule(
        format=FORMAT,
        version=VERSION,
        redacted=False,
        cannot_be_replayed=_reason(run, own, calls, has_context=has_context),
        product=product_version(),
        made_at=stamp(timezone.now()),
        settings=Settings(
            time_zone=settings.SAMURAI_TIME_ZONE,
            model_context=settings.SAMURAI_MODEL_CONTEXT,
            approval_hours=settings.SAMURAI_APPROVAL_HOURS,
        ),
        tools=_tools(),
        run=_run(run, own),
        state=state_of(run, own, results) if has_context else None,
        events=own,
        calls=calls,
        readings=_readings(run),
    )


def product_version() -> str:
    with (settings.BASE_DIR / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def _events_of(run: Run) -> list[dict[str, Any]]:
    """Returns the events of the run, and not those of runs before or after it."""
    rows = Event.objects.filter(session=run.session_id, run=run).order_by("seq")
    return [json.loads(body) for body in rows.values_list("body", flat=True)[: MAX_EVENTS + 1]]


def _reason(
    run: Run, own: Sequence[Mapping[str, Any]], calls: Sequence[Call], *, has_context: bool
) -> str:
    """Returns why the run cannot be carried out again; empty if it can."""
    if any(one.get("progress", {}).get("message") == AFTER_RESTART for one in own):
        return _RESUMED
    if not has_context:
        return "" if _ended_early(own) else _NO_CONTEXT
    if run.model != OFFLINE_NAME and not calls and _asked(own):
        return _NO_CALLS
    return ""


def _ended_early(own: Sequence[Mapping[str, Any]]) -> bool:
    """Tells whether the run never worked: it was cancelled in the queue."""
    return not any(one["type"] == "progress" for one in own)


def _asked(own: Sequence[Mapping[str, Any]]) -> bool:
    """Tells whether the run came to where it asks its model."""
    return any(one.get("progress", {}).get("step") == Phase.ANALYZING for one in own)


def _run(run: Run, own: Sequence[Mapping[str, Any]]) -> RunForm:
    first = own[0].get("message", {})
    return RunForm(
        id=run.pk,
        number=run.number,
        status=run.status,  # type: ignore[arg-type]  # it is over
        approval=run.approval,
        task=run.task_id,
        given=run.given,
        person=run.created_by.get_username() if run.created_by else "",
        message_id=run.message_id,
        content=run.message.content,
        client_id=run.message.client_id,
        into=first.get("into"),
        started_at=stamp(run.started_at or run.created_at),
        model=run.model,
        error=run.error,
        error_code=run.error_code,
        retryable=run.retryable,
    )


def _calls(run: Run) -> list[Call]:
    return [
        Call(
            verb=row.verb,  # type: ignore[arg-type]  # of a method of a model
            turns=unpack(bytes(row.prompt)),
            text=row.text,
            thoughts=row.thoughts,
            error=row.error,
            used=[row.input_tokens, row.output_tokens],
            at=stamp(row.started_at),
        )
        for row in run.model_calls.order_by("started_at", "id")[: MAX_CALLS + 1]
    ]


def _readings(run: Run) -> list[dict[str, Any]]:
    rows = run.phases.filter(phase__startswith=READING).order_by("started_at", "id")
    return [dict(row.result) for row in rows if is_part(row.phase)]


def _tools() -> dict[str, ToolForm]:
    """Returns all tools in the order in which a model is told them."""
    return {
        tool.name: ToolForm(
            digest=digest(tool),
            package=tool.package,
            spec=None if tool.package == OUR_PACKAGE else _spec(tool),
            effect=str(tool.effect),  # type: ignore[arg-type]
            is_async=tool.is_async,
            alters=tool.alters,
            retries=tool.retries,
            timeout=float(tool.timeout),
            idempotent=tool.idempotent,
        )
        for tool in registry.all_tools()
    }


def _spec(tool: registry.Tool) -> ToolSpecForm:
    spec = tool.spec
    return ToolSpecForm(
        description=spec.description, parameters=spec.parameters, result=spec.result
    )


def digest(tool: registry.Tool) -> str:
    """Returns the SHA-256 of what a model is told of a tool."""
    spec = tool.spec
    told = [spec.name, spec.description, spec.parameters, spec.result]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


assert HISTORY_MESSAGES <= MAX_MESSAGES, "a capsule has room for the messages of a context"
