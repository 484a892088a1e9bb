"""What the ends of a run's phases say: counts of steps, of problems and of changed objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from agent.event_log.phases import RESUMED
from agent.llm.base import Model
from agent.models import PlanStep
from agent.pipeline.execution import Execution
from agent.pipeline.planner import Checked, Replanned
from agent.plan import WORK
from agent.plans import store, validation
from agent.runs.recorder import Finished, Recorder
from agent.runs.steering_rows import Said
from agent.shorten import shorten
from agent.support import database
from agent.support.counts import count

MAX_PROBLEMS = 500  # characters of what is wrong with a plan
AFTER_RESTART = "🔁 Resumed after a restart"


def validated(checked: Checked) -> Finished:
    """Returns what the end of the validation says. Its result has `problems` if no plan was valid."""
    if not checked.errors:
        return Finished("✅ Plan validated", verdict(checked))
    problems = shorten("; ".join(checked.errors), MAX_PROBLEMS)
    failed = {"phase": "failed"}
    return Finished("⚠️ No valid plan was found", problems, {"problems": problems}, metadata=failed)


def verdict(checked: Checked) -> str:
    tools = [step for step in checked.plan.steps if step.type in WORK]
    if not tools:
        return "Only an answer, no actions"
    deletions = len(validation.destructive_steps(tools))
    parts = [count(len(tools), "valid step")]
    parts += [count(deletions, "deletion")] if deletions else []
    parts += ["repaired once"] if checked.repaired else []
    return ", ".join(parts)


def tally(tools: list[PlanStep]) -> str:
    numbers = {
        status: sum(step.status == status for step in tools)
        for status in (
            PlanStep.Status.SUCCEEDED,
            PlanStep.Status.FAILED,
            PlanStep.Status.SKIPPED,
        )
    }
    return ", ".join(f"{number} {status}" for status, number in numbers.items() if number)


def summary(steps: Sequence[PlanStep], changed: Iterable[tuple[str, UUID]]) -> str:
    """Returns the counts of steps and changed objects: "3 steps, 2 tasks, 1 memory"."""
    kinds = [kind for kind, _ in changed]
    parts = [count(len(steps), "step")]
    if tasks := kinds.count("task"):
        parts.append(count(tasks, "task"))
    if memories := kinds.count("memory"):
        parts.append(count(memories, "memory", "memories"))
    failed = sum(step.status == PlanStep.Status.FAILED for step in steps)
    return ", ".join(parts) + (f", {failed} failed" if failed else "")


def executed(execution: Execution, problems: str = "") -> Finished:
    """`problems`: of the plan that was to be executed, if none was valid."""
    tools = execution.work_steps
    done = [step for step in tools if step.status == PlanStep.Status.SUCCEEDED]
    if not tools and problems:
        return Finished("⚙️ Nothing was done", "No valid plan was found")
    if not tools:
        return Finished("⚙️ No actions needed")
    if len(done) == len(tools):
        return Finished("⚙️ Plan executed", f"{len(done)} of {count(len(tools), 'step')} succeeded")
    return Finished("⚙️ Plan partly executed", tally(tools))


def with_left_out(model: Model, details: str, method: str) -> str:
    """Adds what the prompt of `method` did not contain, so that the person is told."""
    left_out = model.left_out.pop(method, "")
    return ". ".join(filter(None, (details.rstrip(".") if left_out else details, left_out)))


def replanning(failed: Iterable[PlanStep], sent: Iterable[Said]) -> str:
    """Returns why the rest of a plan is made anew: the steps that failed, and who sent what."""
    steps = ", ".join(f"“{step.description}”" for step in failed)
    authors = ", ".join(dict.fromkeys(said.author or "somebody" for said in sent))
    reasons = (steps and f"{steps} failed", authors and f"With what {authors} sent into the run")
    return ". ".join(filter(None, reasons))


def replanned(new: Replanned, done: int) -> str:
    """`done`: the number of steps that the plan keeps."""
    if new.plan:
        return count(len(new.plan.steps) - done, "new step")
    return new.refused or "No better plan found"


def work_steps(steps: Iterable[PlanStep]) -> list[PlanStep]:
    return [step for step in steps if step.type in WORK]


async def resumption(recorder: Recorder) -> None:
    revision = await database.call(store.latest, recorder.run)
    steps = [step for step in revision.steps.all() if step.type in WORK] if revision else []
    done = sum(step.status == PlanStep.Status.SUCCEEDED for step in steps)
    message = AFTER_RESTART if recorder.resumed else "🔁 Retrying"
    total = count(len(steps), "step") if steps else count(recorder.finished_before, "phase")
    details = f"{done} of {total} already done" if steps else f"{total} already done"
    await recorder.progress(RESUMED, message, details)
