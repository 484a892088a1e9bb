"""The memory phase: asks the model what to remember of a message, and saves it. Never fails a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.text import capfirst

from agent.change import Change
from agent.event_log import events
from agent.event_log.phases import Phase
from agent.exceptions import ModelError, QuotaReached
from agent.llm.base import Analysis, Context, MemoryNote, Model, Outcome
from agent.memory import consolidation, neighbours
from agent.models import PhaseResult, Run
from agent.pipeline.outcomes import outcomes
from agent.pipeline.reading import read_requests
from agent.plans import store
from agent.runs import steering_rows
from agent.support import raw_sql

# Seconds that the end of a run waits for the model to say what to remember: too short to be noticed,
# and long enough for a quick model to be in time.
GRACE = 0.2
# Seconds that the ends of the memory and of the answer wait for each other, to be committed together.
MOMENT = 0.01


@dataclass(frozen=True, slots=True)
class Exchange:
    """A message, what was understood, and what was done."""

    run: Run
    context: Context
    analysis: Analysis
    outcome: Outcome

    @property
    def message(self) -> str:
        """The message, and what was sent into the run."""
        return "\n".join([self.context.message, *self.context.added])


@dataclass(frozen=True, slots=True)
class Learned:
    """What the model said is to be remembered of an exchange. `error`: why it said nothing."""

    exchange: Exchange
    notes: Sequence[MemoryNote] = ()
    error: str = ""

    def words(self, changes: Sequence[Change]) -> tuple[str, str]:
        """Returns the message and the details of the end of the phase. `changes`: what was saved."""
        if self.error:
            return "💾 Memory not updated", self.error
        if not changes:  # what the model said was known already, or is not remembered
            return "💾 Memory: no changes", ""
        said = [
            f"{'saved' if change.action == 'created' else change.action} “{_title(change)}”"
            for change in changes
        ]
        return "💾 Memory updated", capfirst(", ".join(said))

    def save(self) -> list[Change]:
        """Saves the notes, inside an effect, and has the messages around memories indexed."""
        run, message = self.exchange.run, self.exchange.message
        context = self.exchange.context
        changes = consolidation.consolidate(run, self.notes, message) if self.notes else []
        if changes or (context.after or context).counts.get("memories", 1):
            neighbours.refresh_session(run.session_id)
        return changes


def _title(change: Change) -> str:
    return str((change.after or {}).get("title", ""))


async def learn(model: Model, exchange: Exchange) -> Learned:
    """Asks the model, unless the message can teach nothing."""
    if not consolidation.may_teach(exchange.message, exchange.analysis, exchange.outcome):
        return Learned(exchange)
    try:
        return Learned(exchange, await model.consolidate(exchange.context, exchange.outcome))
    except (ModelError, QuotaReached) as error:
        # Not fatal: the plan is executed, and the answer is being written.
        return Learned(exchange, error=str(error))


# -- after a crash ---------------------------------------------------------------------------------

# Runs before one, of which some may have failed, so that they learned nothing of the one before them.
_LOOKED_AT = 5
# SQL that selects the runs of a session, among those with some numbers, whose process ended between their
# answer and their memories.
INTERRUPTED = """
session_id = %s AND number BETWEEN %s AND %s AND status = 'succeeded' AND NOT EXISTS (
    SELECT 1 FROM agent_phaseresult WHERE run_id = agent_run.id AND phase = 'memory'
)
"""


def before(run: Run) -> tuple[UUID, int, int]:
    """Returns the values of `INTERRUPTED` for the runs just before `run`."""
    return run.session_id, run.number - _LOOKED_AT, run.number - 1


def interrupted(run: Run) -> list[Exchange]:
    """Returns the exchanges just before `run` whose process ended between the answer and the memories."""
    related = ("session", "session__project", "message", "created_by")
    lost = raw_sql.select_related(Run, related, INTERRUPTED, *before(run), order="number")
    return [exchange for one in lost if (exchange := _exchange(one)) is not None]


def _exchange(lost: Run) -> Exchange | None:
    results = {row.phase: row.result for row in lost.phases.all()}
    revision = store.latest(lost)
    if revision is None:
        return None
    try:
        analysis = analysis_of(results[Phase.ANALYZING])
        context = Context.from_json(results[Phase.CONTEXT])
        context = replace(context, added=tuple(steering_rows.words_of(lost)))
    except (LookupError, TypeError, ValueError):  # of another version
        return None
    outcome = Outcome(analysis.intent, analysis.question, outcomes(revision.steps.all()))
    return Exchange(lost, context, analysis, outcome)


def analysis_of(result: Any) -> Analysis:
    """Returns the analysis from the result of its phase, which may hold recalled memories too."""
    values = {name: value for name, value in result.items() if name != "memories"}
    return Analysis(**{**values, "read_first": tuple(read_requests(values.get("read_first")))})


def finished(learned: Learned, changes: Sequence[Change]) -> events.Event:
    """Ends the memory phase of an interrupted exchange, inside an effect; returns its event.
    `changes`: what was saved of it.
    """
    run = learned.exchange.run
    PhaseResult.objects.create(
        run=run, phase=Phase.MEMORY, result={}, started_at=timezone.now(), duration_ms=0
    )
    metadata = {"phase": "finished", "duration_ms": 0}
    message, details = learned.words(changes)
    return events.Progress(run.pk, Phase.MEMORY, message, details, metadata)
