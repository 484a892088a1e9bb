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
from agent.event_log.events import Event  # isort: skip
from agent.models import Run  # isort: skip
from agent.runs import ending  # isort: skip
from agent.support import raw_sql  # isort: skip
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
    await recorder.append(effect=lambda: Done(None, _end(recorder)))


def _end(recorder: Recorder) -> list[Event]:
    """Ends the run as its last phase does, which has counted the updates and reads none of them back."""
    run = recorder.run
    end = ending.fields_of_end(Run.Status.SUCCEEDED, recorder.fence.attempt)
    fields = recorder.updates.at_end() | end
    for name, value in fields.items():
        setattr(run, name, value)
    raw_sql.save(run, *fields)
    return ending.ended(run)


phases.execute = paced
if os.environ.get("COUNT_SQL"):
    control.count_sql()
application = control.Controlled(product)
