"""The product's application with an agent that only reports: PACE_EVENTS times, PACE_PAUSE seconds apart.

Everything else (log, engine, feed, socket) is the product's own. Never used outside `make bench`.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from samurai_site.asgi import application as product  # first: it sets Django up

from agent.engine.local import LocalEngine  # isort: skip
from agent.runs.recorder import Recorder  # isort: skip
from agent.llm.base import Usage  # isort: skip
from agent.event_log.log import Done  # isort: skip
from agent.models import Run  # isort: skip
from agent.runs.runs import Claimed, end  # isort: skip
from samurai_site import server  # isort: skip

EVENTS = int(os.environ.get("PACE_EVENTS", "20"))
PAUSE = float(os.environ.get("PACE_PAUSE", "0.05"))


class _NoModel:
    name = "none"
    usage = Usage()


class PacedAgent:
    """Stands where the planning agent stands; its callback is the run's own recorder."""

    model = _NoModel()

    async def execute(self, claimed: Claimed, recorder: Recorder) -> None:
        for number in range(EVENTS):
            await recorder.progress(
                "execution",
                f"⚙️ Step {number} of {EVENTS}",
                "Measured from callback to client",
                {"called": time.time()},
            )
            if PAUSE:
                await asyncio.sleep(PAUSE)
        await recorder.append(effect=lambda: Done(None, end(claimed.run, Run.Status.SUCCEEDED)))


def _paced(**how: Any) -> LocalEngine:
    return LocalEngine(**how, agent=PacedAgent())  # type: ignore[arg-type]


server.LocalEngine = _paced  # type: ignore[misc, assignment]
application = product
