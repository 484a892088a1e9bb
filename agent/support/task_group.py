"""Several coroutines at once, with one error and not a group of them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from agent.exceptions import Fenced


async def run_together(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Waits for all; when one raises, the others are cancelled and its error is raised.

    `Fenced` goes before any other: whoever lost the run has nothing to report.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in coroutines:
                group.create_task(coroutine)
    except BaseExceptionGroup as errors:
        fenced = errors.subgroup(Fenced)
        raise (fenced or errors).exceptions[0] from None
