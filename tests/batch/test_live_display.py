"""The line of a run in the live display of a batch: what is under way, the latest that began."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from agent.batch.live import Running
from agent.event_log import events

RUN = uuid4()


def progress(step: str, message: str, phase: str | None = None, **metadata: Any) -> events.Event:
    told = metadata if phase is None else {"phase": phase, **metadata}
    return events.Progress(RUN, step, message, "", told)


@pytest.mark.parametrize("first_over", ["s1", "s2"])
def test_of_parallel_steps_the_line_shows_the_latest_that_is_under_way(first_over: str) -> None:
    line = Running("1")
    assert line.step == "Starting"
    line.take(events.Run(RUN, "queued"))
    assert line.step == "Queued"
    line.take(progress("execution", "Running the plan", "started"))
    line.take(progress("execution", "Create A", "started", step_id="s1"))
    line.take(progress("execution", "Create B", "started", step_id="s2"))
    line.take(progress("execution", "Create A, half", step_id="s1"))
    assert line.step == "Create B"
    line.take(progress("execution", "Over", "finished", step_id=first_over))
    assert line.step == ("Create B" if first_over == "s1" else "Create A, half")
    for step in ("s1", "s2"):
        line.take(progress("execution", "Over", "finished", step_id=step))
    assert line.step == "Running the plan"
    line.take(progress("execution", "Over", "finished"))
    assert line.step == "Running the plan"
    line.take(progress("completion", "Writing the answer", "started"))
    assert line.step == "Writing the answer"
