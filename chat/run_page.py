"""The page of one run: where its time went, and what its model was sent and wrote.

Built from rows, so that it shows a run of any age in bounded time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from agent.accounts.access import includes, role_in
from agent.event_log.phases import PART, Phase, kind_of
from agent.event_log.texts import DOING
from agent.llm.tokens import estimate
from agent.llm.writing import unpack
from agent.models import ModelCall, Run
from agent.models.projects import Role
from agent.support.counts import count
from agent.support.durations import duration

if TYPE_CHECKING:
    from django.contrib.auth.models import User

WIDTH = 1000  # of the whole time in a bar
# Calls of a run that the page shows, the latest ones. A run rarely makes ten.
MAX_CALLS = 50

CALLS = {
    "analyze": "Analysis",
    "plan": "Plan",
    "compose": "Composition",
    "answer": "Answer",
    "consolidate": "Memory",
}
# The blocks of a prompt. What stands between them are instructions.
_BLOCK = re.compile(
    r'<data name="(?P<name>[^"\n]*)">\n(?P<data>.*?)\n?</data>'
    r"|<message(?: [^>\n]*)?>\n(?P<message>.*?)\n?</message>",
    re.DOTALL,
)
_TOOLS = re.compile(r"^Tools\b[^\n]*:\n(?:(?:- |  )[^\n]*\n?)+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Span:
    """A row of the timeline. `start` and `width`: parts of `WIDTH`; `level`: how deep it is nested."""

    name: str
    kind: str
    level: int
    took: str
    status: str
    start: int
    width: int


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a prompt. `tokens`: estimated; `share`: in percent of the prompt."""

    name: str
    text: str
    tokens: int
    share: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call to the model, with its prompt in blocks."""

    row: ModelCall
    name: str
    took: str
    first: str
    blocks: list[Block]

    @property
    def tokens(self) -> int:
        return sum(block.tokens for block in self.blocks)


def may_read_calls(user: User, run: Run) -> bool:
    """Prompts contain what is told to the model about the whole project: only its owner, and the staff
    among its members, may read them.
    """
    return user.is_staff or includes(role_in(user, run.session.project), Role.OWNER)


def calls(run: Run) -> list[Call]:
    """Returns the calls of the run that are kept, in order."""
    latest = run.model_calls.order_by("-started_at", "-id")[:MAX_CALLS]
    return [_call(row) for row in reversed(latest)]


def _call(row: ModelCall) -> Call:
    first = "" if row.first_ms is None else duration(row.first_ms)
    name = CALLS.get(row.verb, row.verb.capitalize())
    return Call(row, name, duration(row.duration_ms), first, blocks(unpack(bytes(row.prompt))))


def blocks(turns: Iterable[dict[str, str]]) -> list[Block]:
    """Returns the parts of a prompt in order: instructions, tools, the blocks of data, the message."""
    parts = [part for turn in turns for part in _parts(turn) if part[1]]
    tokens = [estimate(text) for _, text in parts]
    total = sum(tokens) or 1
    return [
        Block(name, text, number, round(number * 100 / total))
        for (name, text), number in zip(parts, tokens, strict=True)
    ]


def _parts(turn: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yields the name and the text of each part of one turn."""
    content, end = turn["content"], 0
    if turn["role"] == "assistant":
        yield "invalid answer of the model", content.strip()
        return
    for match in (_TOOLS if turn["role"] == "system" else _BLOCK).finditer(content):
        yield "instructions", content[end : match.start()].strip()
        yield _named(match)
        end = match.end()
    yield "instructions", content[end:].strip()


def _named(match: re.Match[str]) -> tuple[str, str]:
    if match.re is _TOOLS:
        return "tools", match[0].strip()
    if match["name"] is not None:
        return match["name"], match["data"]
    return "message", match["message"]


# -- the timeline ----------------------------------------------------------------------------------


def timeline(run: Run) -> list[Span]:
    """Returns what the run did and when: its phases, within them its steps, and its waits for approval."""
    if run.started_at is None:
        return []
    end = run.finished_at or timezone.now()
    times = list(_times(run, end))
    scale = _Scale(run.started_at, max([end, *(row.end for row in times)]))
    return [scale.span(row) for row in sorted(times, key=lambda row: (row.start, row.level))]


@dataclass(frozen=True, slots=True)
class _Time:
    name: str
    kind: str
    level: int
    start: datetime
    end: datetime
    status: str = ""


def _times(run: Run, end: datetime) -> Iterator[_Time]:
    for row in run.phases.all():
        name, _, part = row.phase.partition(PART)
        over = row.started_at + timedelta(milliseconds=row.duration_ms)
        title = row.result.get("title") if part else None  # of a reading
        words = str(title or DOING.get(name, name))
        yield _Time(words, name, int(bool(part)), row.started_at, over)
        yield from _sub_steps(row.sub_steps)
    for plan in run.plans.prefetch_related("steps"):
        for step in plan.steps.all():
            if step.started_at:
                over = step.finished_at or end
                yield _Time(
                    step.description, Phase.EXECUTION, 1, step.started_at, over, step.status
                )
                yield from _sub_steps(step.sub_steps)
    for approval in run.approvals.all():
        asked, decided = approval.requested_at, approval.decided_at or end
        yield _Time("Waiting for approval", "waiting", 0, asked, decided, approval.status)


def _sub_steps(rows: Iterable[Mapping[str, Any]]) -> Iterator[_Time]:
    for row in rows:
        start = datetime.fromisoformat(row["started_at"])
        over = start + timedelta(milliseconds=row["duration_ms"])
        kind = kind_of(row["step"])
        words = f"{kind.icon if kind else ''} {row['message']} {row['details']}".strip()
        status = "succeeded" if row["state"] == "finished" else row["state"]
        yield _Time(words, row["step"], 2, start, over, status)


@dataclass(frozen=True, slots=True)
class _Scale:
    start: datetime
    end: datetime

    def span(self, row: _Time) -> Span:
        took = (row.end - row.start).total_seconds()
        width = max(2, round(took * WIDTH / self._seconds))
        start = round((row.start - self.start).total_seconds() * WIDTH / self._seconds)
        start = min(max(start, 0), WIDTH - 2)
        text = duration(max(took, 0) * 1000)
        return Span(
            row.name, row.kind, row.level, text, row.status, start, min(width, WIDTH - start)
        )

    @property
    def _seconds(self) -> float:
        return (self.end - self.start).total_seconds() or 1.0


def line(run: Run) -> str:
    """Returns how the run is or ended, how long it took, and what its model used."""
    words = [run.get_status_display()]
    if run.started_at and run.finished_at:
        words.append(duration((run.finished_at - run.started_at).total_seconds() * 1000))
    used = run.usage
    if used.get("calls"):
        words.append(count(used["calls"], "call") + " to the model")
        words.append(f"{used['input_tokens']:,} tokens read, {used['output_tokens']:,} written")
    return " · ".join(words)
