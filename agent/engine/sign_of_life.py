"""A process that is measured says once a second that its event loop works, and how late that was."""

from __future__ import annotations

import asyncio
import time

from agent.support import metrics
from agent.support.per_loop import PerLoop
from agent.support.task_group import background_task

INTERVAL = 1.0  # seconds

_roles = PerLoop[set[str]](set)


def start(role: str) -> None:
    """Gives signs of life from now on, as a process with this role; does nothing if it does so already."""
    roles = _roles.here()
    if metrics.are_measured() and role not in roles:
        roles.add(role)
        metrics.begin()
        metrics.PROCESSES.set(1, role)
        background_task(_keep_telling(role))


async def _keep_telling(role: str) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        metrics.HEARTBEAT.set(time.time(), role)
        due = clock() + INTERVAL
        await asyncio.sleep(INTERVAL)
        metrics.LOOP_SECONDS.observe(max(0.0, clock() - due), role)
