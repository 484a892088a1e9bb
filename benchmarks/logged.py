"""The application of `benchmarks/planner.py` whose runs write lines to the log. Only for `make bench`.

LOG_LINES: how many each run writes, into a file. LOG_OFF: logging is disabled. UNTRACED: the places that
ask whether traces are on are taken out.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from benchmarks.planner import SlowModel, application  # first: it sets Django up

from agent.engine import runner  # isort: skip
from agent.llm.base import Analysis, Context  # isort: skip
from agent.runs.recorder import Recorder  # isort: skip
from django.conf import settings  # isort: skip

__all__ = ["application"]

logger = logging.getLogger("agent.benchmark")
LINES = int(os.environ.get("LOG_LINES", "0"))
_analyze = SlowModel.analyze


async def _analyze_and_log(self: SlowModel, context: Context, tools: Any = ()) -> Analysis:
    for number in range(LINES):
        logger.info("Line %d of %d", number, LINES)
    return await _analyze(self, context, tools)


SlowModel.analyze = _analyze_and_log  # type: ignore[method-assign]
for handler in logging.getLogger("agent").handlers:
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream((settings.VAR_DIR / "log").open("a"))
if os.environ.get("LOG_OFF"):
    logging.disable()


def _append(self: Recorder, *new: Any, effect: Any = None) -> Any:
    return self._append(new, effect)


async def _phase(self: Recorder, phase: Any, work: Any, line: str = "", then: Any = ()) -> Any:
    if phase not in self._results:
        await self._do(phase, work, line, then)
    return self._results[phase]


if os.environ.get("UNTRACED"):
    Recorder.append = _append  # type: ignore[method-assign]
    Recorder.phase = _phase  # type: ignore[method-assign]
    runner._execute = runner._execute_to_end
