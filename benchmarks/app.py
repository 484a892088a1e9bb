"""The product's application with runs that only report: PACE_EVENTS events, PACE_PAUSE seconds apart.

Everything else (event log, engine, feed, socket) is the product's own. Only for `make bench`.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from samurai_site.asgi import application as product  # first: it sets Django up

from agent.engine.local import LocalEngine  # isort: skip
from agent.runs.recorder import Recorder  # isort: skip
from agent.llm.base import Model, Usage  # isort: skip
from agent.pipeline import phases  # isort: skip
from agent.event_log.log import Done  # isort: skip
from agent.models import Run  # isort: skip
from agent.runs.claiming import Claimed  # isort: skip
from agent.runs.ending import end  # isort: skip
from samurai_site import server  # isort: skip

EVENTS = int(os.environ.get("PACE_EVENTS", "20"))
PAUSE = float(os.environ.get("PACE_PAUSE", "0.05"))


class _NoModel:
    name = "none"
    usage = Usage()


async def _report_only(model: Model, claimed: Claimed, recorder: Recorder) -> None:
    """Replaces the phases; the callback is the run's own recorder."""
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


def _engine(**options: Any) -> LocalEngine:
    return LocalEngine(**options, model=_NoModel())  # type: ignore[arg-type]


phases.execute = _report_only
server.LocalEngine = _engine  # type: ignore[misc, assignment]
application = product
