"""Ends calls to a model and keeps them until the run's recorder saves them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from agent.exceptions import AgentError
from agent.llm.base import Usage
from agent.llm.errors import RequestFailed
from agent.llm.writing import Writing
from agent.support import metrics, tracing

CANCELLED = "The call was cancelled."


@contextmanager
def kept(usage: Usage, call: Writing) -> Iterator[None]:
    """Ends and keeps the call after the block, with the error that the block raised."""
    try:
        yield
    except BaseException as error:
        keep(usage, call, error)
        raise
    keep(usage, call)


def keep(usage: Usage, call: Writing, failure: BaseException | None = None) -> None:
    """Ends the call, and adds it to `usage.unsaved` if its prompt is kept."""
    call.error = _words(failure) if failure else ""
    call.end()
    if tracing.tracer is not None:
        _trace(call, failure)
    _measure(call, failure)
    if call.prompt is not None:
        usage.unsaved.append(call)


def _trace(call: Writing, failure: BaseException | None) -> None:
    times = call.started_at, call.wrote_at, call.ended_at or call.started_at
    error = getattr(failure, "code", "") or type(failure).__name__ if failure else ""
    tracing.model_call(call.model, call.verb, times, call.used, error, call.turns, call.written[0])


def _measure(call: Writing, failure: BaseException | None) -> None:
    metrics.MODEL_CALLS.add(call.model, call.verb, _outcome(failure))
    if call.ended_at is not None:
        metrics.MODEL_SECONDS.observe(call.ended_at - call.started_at, call.model, call.verb)


def _outcome(error: BaseException | None) -> str:
    """Returns `succeeded`, `cancelled`, or the code of the error."""
    if error is None:
        return "succeeded"
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "cancelled"
    failed = error.error if isinstance(error, RequestFailed) else error
    return failed.code if isinstance(failed, AgentError) else AgentError.code


def _words(error: BaseException) -> str:
    """Returns why a call ended early, for people."""
    if isinstance(error, RequestFailed):
        return str(error.error)
    if isinstance(error, AgentError):
        return str(error)
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return CANCELLED
    return f"The call failed with {type(error).__name__}."
