"""Carries the run of a capsule out again, with recorded answers, and compares it with the record.

Writes into the database of the process, which is to be one of its own: see the command `replay`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from agent.capsule import comparing, decisions, recorded_tools, seeding
from agent.capsule.form import Capsule, NoCapsule
from agent.capsule.pace import Pace
from agent.capsule.recorded_model import ASKED_IN_ORDER, model_of
from agent.capsule.recorded_outside import RecordedOutside
from agent.capsule.recording import digest
from agent.capsule.seeding import Seeded
from agent.engine import local
from agent.event_log import events, log, phases
from agent.event_log.log import Done
from agent.exceptions import RunTimeout
from agent.models import Run
from agent.pipeline import execution, remembering
from agent.runs import rerun, runs
from agent.runs.runs import MessageRequest
from agent.support import database
from agent.text import dates
from agent.tools import registry


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay. `differences`: none if the run is identical; `notes`: what may explain some."""

    events: int
    differences: Sequence[str]
    notes: Sequence[str]


async def replay(capsule: Capsule) -> Replayed:
    """Carries the run out again. Raises `NoCapsule` if that is not possible, and says why."""
    if capsule.cannot_be_replayed:
        raise NoCapsule(f"The run cannot be carried out again. {capsule.cannot_be_replayed}")
    if capsule.state is None:
        raise NoCapsule("The run ended before it began: there is nothing to carry out again.")
    capsule = seeding.with_new_ids(capsule)
    notes = changed_tools(capsule)
    seeded = await database.call(seeding.seed, capsule)
    timeout = capsule.run.error if capsule.run.error_code == RunTimeout.code else ""
    asked_at = [one.at for one in capsule.calls if one.at and one.verb in ASKED_IN_ORDER]
    pace = Pace(capsule.events, seeded.session.pk, timeout, asked_at)
    log.listen(pace.on_commit)
    try:
        with recorded_tools.replaced(capsule, pace), _in_step(capsule, pace):
            await _carry_out(capsule, seeded, pace)
    finally:
        log.unlisten(pace.on_commit)
    found = comparing.first_difference(capsule.events, pace.frames, redacted=capsule.redacted)
    differences = [*([str(found)] if found else []), *pace.notes]
    return Replayed(pace.count, differences, notes)


def changed_tools(capsule: Capsule) -> list[str]:
    """Returns what is different about the tools of the run now."""
    notes = []
    for name, form in capsule.tools.items():
        tool = registry.get(name)
        if tool is None:
            notes.append(f"The tool {name} is not installed here; its recorded results are used.")
        elif digest(tool) != form.digest:
            notes.append(f"The tool {name} has another description or schema than recorded.")
    return notes


@contextmanager
def _in_step(capsule: Capsule, pace: Pace) -> Iterator[None]:
    """Within the block, it is the time of the run; nothing waits for the time to pass; and what was
    committed together waits for each other longer than the run did.
    """
    kept = remembering.MOMENT, remembering.GRACE, execution.PAUSE
    steps = _unknown_steps(pace)
    for name in steps:
        phases.progress_step(name)
    execution.PAUSE = 0.01
    if pace.memory_is_with_the_end:
        remembering.MOMENT, remembering.GRACE = 5.0, 60.0
    try:
        with dates.taking_place(datetime.fromisoformat(capsule.run.started_at)):
            yield
    finally:
        remembering.MOMENT, remembering.GRACE, execution.PAUSE = kept
        for name in steps:
            phases.remove_step(name)


def _unknown_steps(pace: Pace) -> list[str]:
    """Returns the progress steps that a package had registered which is not installed here."""
    told = [one["progress"]["step"] for one in pace.recorded if one["type"] == "progress"]
    return [name for name in dict.fromkeys(told) if not phases.is_known(name)]


async def _carry_out(capsule: Capsule, seeded: Seeded, pace: Pace) -> None:
    session = seeded.session.pk
    model = model_of(capsule, pace)
    outside = RecordedOutside(capsule, pace, seeded.missing)
    found = decisions.decisions(capsule.events, seeded.people)
    run = await _start(capsule, seeded)
    pace.expect(decisions.bound(found, session, run.pk))
    await _begin_first_decision(pace)
    async with local.executing(model, {session}, outside):
        while not await _is_over(run.pk, pace):
            await pace.next_commit()


async def _begin_first_decision(pace: Pace) -> None:
    """A run that was cancelled in the queue is never executed."""
    pace.decide_if_due()
    await pace.people()


async def _is_over(run: UUID, pace: Pace) -> bool:
    """Tells whether the run has all its events, or hangs, or goes another way."""
    if pace.is_idle or pace.count > len(pace.recorded):
        return True
    if not any(frame["type"] in events.LAST for frame in pace.frames):
        return False
    return pace.count >= len(pace.recorded) or pace.frames[-1].get("remembers") is not True


async def _start(capsule: Capsule, seeded: Seeded) -> Run:
    """Starts the run as it was started: by a message, as a retry, or behind another run."""
    recorded, session, person = capsule.run, seeded.session.pk, seeded.person
    state = capsule.state
    if seeded.former is not None and state is not None and state.former is not None:
        again = rerun.retry if state.former.continues else rerun.regenerate
        return await again(session, seeded.former.pk, person)
    if recorded.into is None:
        request = MessageRequest(
            content=recorded.content,
            client_id=recorded.client_id,
            approval=recorded.approval,
            task=recorded.task,
            given=recorded.given,
            counted=False,
        )
        return await runs.start(session, person, request)

    def effect() -> Done[Run]:
        message = runs.insert_message(session, person, recorded.client_id, recorded.content)
        fields = {"approval": recorded.approval, "task_id": recorded.task}
        return Done(*runs.queue(message, 0, into=recorded.into, **fields))

    run: Run = await log.append(session, effect=effect)
    return run
