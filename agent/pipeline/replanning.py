"""Plans the rest of a plan anew while it is carried out: after a failed step, and with what was sent into
the run.
"""

from __future__ import annotations

from agent.event_log import events
from agent.event_log.log import Done
from agent.event_log.phases import REPLANNING
from agent.exceptions import ModelError
from agent.llm.base import Context
from agent.models import PlanRevision, Run
from agent.pipeline import reports
from agent.pipeline.drafting import Drafting
from agent.pipeline.execution import Execution
from agent.pipeline.planner import Planner, Replanned
from agent.plans import store
from agent.runs import steering_rows
from agent.support import database


async def replan(
    planner: Planner, execution: Execution, drafting: Drafting, context: Context, *, failed: bool
) -> bool:
    """Has the rest planned anew: once per run when steps `failed`, and with what was sent into the run.

    `context`: after the steps so far. Returns whether there is something to be executed.
    """
    run, recorder = planner.run, execution.recorder
    sent = await database.call(steering_rows.open_of, run)
    details = reports.replanning(execution.failed if failed else (), sent)
    started = {"phase": "started"}
    await recorder.progress(REPLANNING, "🔁 Replanning...", details, started)
    planner.context = context
    try:
        new = await planner.replan(execution.revision)
    except ModelError as error:
        if planner.steered:  # what was said must not be passed over
            raise
        new = Replanned(None, str(error))  # the answer reports the failed step
    done = store.succeeded_steps(execution.revision)
    text = reports.with_left_out(planner.model, reports.replanned(new, len(done)), "plan")
    replanned = run.replanned or failed

    def effect() -> Done[None]:
        plan_events: list[events.Event] = []
        revision = execution.revision
        if new.plan:
            revision, plan_events = store.save(run, new.plan, done)
            planner.keep_seen()
        Run.objects.filter(pk=run.pk).update(replanned=replanned)
        steered = end_steering(planner, revision, new.refused, is_new=new.plan is not None)
        message = "🔁 Plan revised" if new.plan else "🔁 Plan not revised"
        progress = events.Progress(run.pk, REPLANNING, message, text, {"phase": "finished"})
        return Done(None, [*plan_events, *steered, progress])

    await recorder.append(effect=effect)
    drafting.end()
    run.replanned = replanned
    return new.plan is not None or bool(planner.steered)


def end_steering(
    planner: Planner, revision: PlanRevision, refused: str, *, is_new: bool = True
) -> list[events.Event]:
    """Marks what was sent into the run as part of the plan, inside the effect that saves it; returns the
    events. `refused`: why the plan was made without it, if it was; then it becomes the next message.
    """
    if refused := planner.declined or refused:
        return steering_rows.make_next(planner.run, refused, planner.steered)
    unchanged = "" if is_new else "The rest of the plan stays as it was."
    return steering_rows.apply(planner.run, planner.steered, revision.revision, unchanged)
