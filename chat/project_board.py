"""The board on the page of a project: a column for each status, filtered and grouped. Only reads.

A column shows its first `FIRST` cards, so that a large board opens as fast as a small one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Lower

from agent.board import readiness
from agent.board import tasks as board
from agent.event_log.texts import STATUSES
from agent.models import Project, Run, Task
from chat import labels

# Cards that a column shows at first, that it shows more each time, and at most.
FIRST, MORE, MOST = 30, 60, 1000
MAX_WORDS = 10  # of a filter

GROUPS = {"": "No groups", "label": "Label", "assignee": "Assignee"}
_GROUP_ORDER = {"label": "labels", "assignee": Lower("assignee__username")}


@dataclass(frozen=True, slots=True)
class Filter:
    """What the query of the page asks for. `limits`: the number of cards of columns that show more."""

    words: str
    label: str
    assignee: str
    status: str
    group: str
    limits: Mapping[str, int]

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filter:
        """Reads a query; what it names wrongly is as if it were not there."""
        status, group = query.get("status", ""), query.get("group", "")
        return cls(
            words=query.get("q", "").strip()[:200],
            label=query.get("label", "").strip()[:30],
            assignee=query.get("assignee", "").strip()[:150],
            status=status if status in STATUSES else "",
            group=group if group in GROUPS else "",
            limits={name: _limit(query.get(name, "")) for name in STATUSES},
        )

    @property
    def is_active(self) -> bool:
        return any((self.words, self.label, self.assignee, self.status))

    def with_more(self, status: str) -> str:
        """Returns the query of the page on which the column of `status` shows more cards."""
        limits = {**self.limits, status: min(self.limits[status] + MORE, MOST)}
        values = {
            "q": self.words,
            "label": self.label,
            "assignee": self.assignee,
            "status": self.status,
            "group": self.group,
            **{name: str(limit) for name, limit in limits.items() if limit > FIRST},
        }
        return urlencode({name: value for name, value in values.items() if value})


def _limit(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) < 5
    return min(max(int(text), FIRST), MOST) if is_number else FIRST


@dataclass(frozen=True, slots=True)
class Card:
    id: str
    number: int
    title: str
    note: str
    position: int


@dataclass(frozen=True, slots=True)
class Column:
    """`groups`: the cards with the name of their group, which is empty without groups; `left`: cards that
    are not shown; `more`: the query that shows more of them, empty if the page shows no more.
    """

    status: str
    name: str
    count: int
    groups: list[tuple[str, list[Card]]]
    left: int
    more: str


def columns(project: Project, wanted: Filter) -> list[Column]:
    tasks = _filtered(Task.objects.filter(project=project), wanted)
    counts = dict(tasks.order_by().values_list("status").annotate(Count("pk")))
    names = [wanted.status] if wanted.status else [*STATUSES]
    order = ["position", "created_at", "id"]
    if wanted.group:
        order.insert(0, _GROUP_ORDER[wanted.group])  # type: ignore[arg-type]
    rows = {
        name: list(
            tasks.filter(status=name)
            .defer("description")
            .select_related("assignee")
            .order_by(*order)[: wanted.limits[name]]
        )
        if counts.get(name)
        else []
        for name in names
    }
    notes = _notes([row for found in rows.values() for row in found])
    return [_column(name, rows[name], counts.get(name, 0), notes, wanted) for name in names]


def _filtered(tasks: QuerySet[Task], wanted: Filter) -> QuerySet[Task]:
    if wanted.status:
        tasks = tasks.filter(status=wanted.status)
    for word in wanted.words.split()[:MAX_WORDS]:
        number = word[1:]
        is_number = word[0] == "#" and number.isascii() and number.isdigit() and len(number) < 10
        found = (
            Q(title__icontains=word) | Q(description__icontains=word) | Q(labels__icontains=word)
        )
        tasks = tasks.filter(found | Q(number=int(number)) if is_number else found)
    found_tasks: QuerySet[Task] = readiness.filtered(
        tasks, assignee=wanted.assignee, label=wanted.label
    )
    return found_tasks


def _notes(rows: list[Task]) -> dict[Any, str]:
    """Returns the small text of each card, as the panels show it, without the status."""
    fields = [name for name in board.PLAIN_FIELDS if name != "description"]
    shown = {row["id"]: row for row in board.tasks_json(rows, fields)}
    needed = {key for row in shown.values() for key in row["depends_on"]} - shown.keys()
    others = {
        str(task.pk): {"title": task.title, "status": task.status}
        for task in Task.objects.filter(pk__in=needed).only("title", "status")
    }
    known = {**others, **shown}
    return {
        row.pk: labels.note_in_column({**shown[str(row.pk)], "priority": row.priority}, known, True)
        for row in rows
    }


def _column(
    status: str, rows: list[Task], count: int, notes: Mapping[Any, str], wanted: Filter
) -> Column:
    left = max(count - len(rows), 0)
    more = wanted.with_more(status) if left and wanted.limits[status] < MOST else ""
    named = groupby(rows, partial(_group, by=wanted.group))
    groups = [(name, [_card(row, notes) for row in found]) for name, found in named]
    return Column(status, STATUSES[status].capitalize(), count, groups or [("", [])], left, more)


def _card(task: Task, notes: Mapping[Any, str]) -> Card:
    return Card(str(task.pk), task.number, task.title, notes[task.pk], task.position)


def _group(task: Task, *, by: str) -> str:
    if by == "label":
        return task.labels[0] if task.labels else "No label"
    if by == "assignee":
        return task.assignee.get_username() if task.assignee else "No assignee"
    return ""


# -- figures ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figures:
    """`open`: tasks; `waiting`: runs that wait for approval; `last_activity`: None if there was none."""

    open: int
    waiting: int
    last_activity: datetime | None


def figures(project: Project) -> Figures:
    tasks = Task.objects.filter(project=project)
    # With the condition of the index `run_unfinished`.
    waiting = Q(status__in=Run.UNFINISHED) & Q(status=Run.Status.WAITING)
    return Figures(
        open=tasks.filter(status__in=Task.OPEN).count(),
        waiting=Run.objects.filter(waiting, session__project=project).count(),
        last_activity=_latest(
            tasks.order_by("-updated_at").values_list("updated_at", flat=True)[:1],
            project.sessions.order_by("-updated_at").values_list("updated_at", flat=True)[:1],
        ),
    )


def _latest(*times: Iterable[datetime]) -> datetime | None:
    return max((time for found in times for time in found), default=None)
