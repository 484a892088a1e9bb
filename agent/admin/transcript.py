"""A session's transcript for the admin: messages, and what each run did in which time.

Built from rows instead of the event log, so that it can be read page by page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.safestring import SafeString, mark_safe

from agent.admin.base import as_json, elapsed
from agent.event_log.phases import LAST, kind_of
from agent.models import ChatSession, PlanStep, Run
from agent.support import markdown
from agent.support.counts import count
from agent.support.durations import duration

PER_PAGE = 20  # runs

_PREFETCHED = (
    "phases",
    "plans__steps",
    "approvals__decided_by",
    "steering__message__author",
    "feedback__user",
)


@dataclass(frozen=True, slots=True)
class SubStep:
    """A sub-step of a step or of a reading. `icon`: "" for one that no package registers any more."""

    icon: str
    color: str
    message: str
    details: str
    state: str
    took: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan."""

    row: PlanStep
    took: str
    sub_steps: list[SubStep]
    arguments: SafeString
    result: SafeString


@dataclass(frozen=True, slots=True)
class Exchange:
    """One message with its run and the answer."""

    run: Run
    took: str
    usage: str
    phases: list[tuple[str, str, list[SubStep]]]  # name and time
    plans: list[tuple[Any, list[Step]]]
    answer: SafeString

    @property
    def may_cancel(self) -> bool:
        return self.run.status in Run.UNFINISHED

    @property
    def may_retry(self) -> bool:
        return self.run.status in (Run.Status.FAILED, Run.Status.CANCELLED)


def runs_of(session: ChatSession) -> QuerySet[Run]:
    related = session.runs.select_related("message__author", "answer", "created_by", "retry_of")
    return related.prefetch_related(*_PREFETCHED).order_by("number")


def exchanges(runs: Iterable[Run]) -> list[Exchange]:
    return [_exchange(run) for run in runs]


def _exchange(run: Run) -> Exchange:
    text = run.answer.content if run.answer else run.partial
    return Exchange(
        run=run,
        took=elapsed(run),
        usage=_usage(run),
        phases=[
            (row.phase, duration(row.duration_ms), sub_steps(row.sub_steps))
            for row in run.phases.all()
        ],
        plans=[(plan, [_step(step) for step in plan.steps.all()]) for plan in run.plans.all()],
        answer=mark_safe(markdown.render(text, str(run.pk))),
    )


def _step(step: PlanStep) -> Step:
    return Step(
        step,
        elapsed(step),
        sub_steps(step.sub_steps),
        as_json(step.arguments),
        as_json(step.result),
    )


def sub_steps(rows: Iterable[Mapping[str, Any]]) -> list[SubStep]:
    """Returns the sub-steps of a row in the order in which the page shows them."""
    kinds = [(kind_of(row["step"]), row) for row in rows]
    kinds.sort(key=lambda pair: pair[0].order if pair[0] else LAST)
    return [
        SubStep(
            icon=kind.icon if kind else "",
            color=kind.color if kind else "",
            message=row["message"],
            details=row["details"],
            state=row["state"],
            took=duration(row["duration_ms"]),
        )
        for kind, row in kinds
    ]


def _usage(run: Run) -> str:
    counts = (
        ("input token", run.usage.get("input_tokens")),
        ("output token", run.usage.get("output_tokens")),
        ("call", run.usage.get("calls")),
    )
    return ", ".join(count(number, noun) for noun, number in counts if number)


# -- as Markdown -----------------------------------------------------------------------------------


def heading(session: ChatSession) -> str:
    return f"# {session}\n\nProject: {session.project} · {session.created_at:%Y-%m-%d %H:%M} UTC\n"


def after(session: ChatSession, number: int) -> list[Exchange]:
    """Returns the exchanges of the next `PER_PAGE` runs after the run with this number."""
    return exchanges(runs_of(session).filter(number__gt=number)[:PER_PAGE])


def as_markdown(exchange: Exchange) -> str:
    return "\n" + "\n".join(_lines(exchange)) + "\n"


def _lines(exchange: Exchange) -> Iterator[str]:
    run = exchange.run
    author = run.message.author.get_username() if run.message.author else "deleted user"
    yield f"## {run.number}. {author}, {run.created_at:%Y-%m-%d %H:%M} UTC\n"
    yield "\n".join(f"> {line}" for line in run.message.content.splitlines())
    yield f"\n*{run.status}, took {exchange.took}*\n"
    for sent in run.steering.all():
        by = sent.message.author.get_username() if sent.message.author else "deleted user"
        yield f"{by} into the run ({sent.get_status_display().lower()}):\n"
        yield "\n".join(f"> {line}" for line in sent.message.content.splitlines()) + "\n"
    if exchange.phases:
        yield "Phases: " + ", ".join(f"{name} {took}" for name, took, _ in exchange.phases) + "\n"
    for plan, steps in exchange.plans:
        yield f"Plan {plan.revision}: {plan.summary}\n"
        for step in steps:
            row = step.row
            error = f": {row.error}" if row.error else ""
            yield f"- [{row.status}] {row.description} ({step.took}){error}"
            for one in step.sub_steps:
                text = f"{one.icon} {one.message} {one.details}".strip()
                yield f"  - [{one.state}] {text} ({one.took})"
        yield ""
    if run.error:
        yield f"**{run.error_code}**: {run.error}\n"
    yield run.answer.content if run.answer else run.partial
