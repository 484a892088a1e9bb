"""asyncio tasks: several coroutines that raise one error, and tasks that outlive their caller."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any

from agent.exceptions import Fenced


async def run_together(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Waits for all. When one raises, the others are cancelled and its error is raised.

    `Fenced` is raised before any other error: a run that was taken over has nothing to report.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in coroutines:
                group.create_task(coroutine)
    except BaseExceptionGroup as errors:
        fenced = errors.subgroup(Fenced)
        raise (fenced or errors).exceptions[0] from None


def background_task(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Starts a task in an empty context. One that inherits a request's context keeps that request's
    thread alive.
    """
    return asyncio.get_running_loop().create_task(coroutine, context=contextvars.Context())
