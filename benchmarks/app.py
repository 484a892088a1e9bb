"""The product's application with runs that only report: PACE_EVENTS events, PACE_PAUSE seconds apart.

Everything else (event log, engine, feed, socket) is the product's own. Only for `make bench`.
"""

from __future__ import annotations

import asyncio
import os
import time

from samurai_site.asgi import application as product  # first: it sets Django up

from agent.pipeline import phases  # isort: skip
from agent.runs.recorder import Recorder  # isort: skip
from agent.llm.base import Model  # isort: skip
from agent.event_log.log import Done  # isort: skip
from agent.models import Run  # isort: skip
from agent.runs.claiming import Claimed  # isort: skip
from agent.runs.ending import end  # isort: skip

EVENTS = int(os.environ.get("PACE_EVENTS", "20"))
PAUSE = float(os.environ.get("PACE_PAUSE", "0.05"))


async def paced(model: Model, claimed: Claimed, recorder: Recorder) -> None:
    """Stands where the phases of a run stand; its callback is the run's own recorder."""
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


phases.execute = paced
application = product
