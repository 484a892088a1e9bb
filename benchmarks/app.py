"""The product's application with runs that only report, at a pace that `/benchmark/set` sets.

Everything else (event log, engine, feed, socket) is the product's own. Only for `make bench`.
PACE_EVENTS and PACE_PAUSE are the pace until one is set.
"""

from __future__ import annotations

import os
import time

from samurai_site.asgi import application as product  # first: it sets Django up

from agent.pipeline import phases  # isort: skip
from agent.pipeline.outside import Outside  # isort: skip
from agent.runs.recorder import Recorder  # isort: skip
from agent.llm.base import Model  # isort: skip
from agent.event_log.log import Done  # isort: skip
from agent.models import Run  # isort: skip
from agent.runs.ending import end  # isort: skip
from benchmarks import control  # isort: skip
from benchmarks.peers.pace import Pace  # isort: skip

control.values |= {
    "events": float(os.environ.get("PACE_EVENTS", "20")),
    "pause": float(os.environ.get("PACE_PAUSE", "0.05")),
    "together": 1,
}


async def paced(model: Model, recorder: Recorder, outside: Outside) -> None:
    """Stands where the phases of a run stand; its callback is the run's own recorder."""
    pace = Pace.of(control.values)
    async for number in pace.steps():
        await recorder.progress(
            "execution",
            f"⚙️ Step {number} of {pace.events}",
            "Measured from callback to client",
            {"called": time.time()},
        )
    await recorder.append(effect=lambda: Done(None, end(recorder.run, Run.Status.SUCCEEDED)))


phases.execute = paced
if os.environ.get("COUNT_SQL"):
    control.count_sql()
application = control.Controlled(product)
