"""What a run found when it started, read from rows and events: as far as it used it, and bounded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from django.db.models import Max, QuerySet
from django.utils import timezone

from agent.capsule.form import (
    MAX_CHANGES,
    SESSION_AT_EXPORT,
    Former,
    MemoryRow,
    Person,
    Said,
    State,
    TaskRow,
)
from agent.event_log import parsing
from agent.event_log.phases import Phase
from agent.event_log.times import stamp
from agent.llm.base import Context, MemoryBrief, TaskBrief
from agent.models import Approval, Event, Membership, Memory, PlanStep, Run, Task
from agent.pipeline.context import RECENT
from agent.plans import store
from agent.tools import switches

_ENDED = ("failed", "cancelled", "succeeded")


def state_of(run: Run, own: Sequence[Mapping[str, Any]], results: Mapping[str, Any]) -> State:
    """Returns what `run` found. `own`: its events; `results`: of its phases, with that of the context."""
    project, session = run.session.project, run.session
    gathered = Context.from_json(results[Phase.CONTEXT])
    recalled = results.get(Phase.ANALYZING, {}).get("memories")
    earlier = _earlier_changes(run, own)
    found = _Objects(run)
    found.take_context(gathered, recalled)
    found.take_changes(own)
    found.take_earlier(earlier)
    found.take_named()
    off = switches.switched_off_at(project.pk, _start(run))
    return State(
        at_export=_at_export(gathered, off),
        project_id=project.pk,
        project=gathered.project_name,
        # The sample project has a description that no run is told.
        description=gathered.project_description
        or (project.description if project.is_sample else ""),
        last_task_number=_last_number(own, found),
        last_position=_last_position(run),
        people=_people(run, own, gathered.people),
        session_id=session.pk,
        session_title=session.title,
        session_approval=session.approval,
        session_task=session.task_id,
        off=sorted(switches.switched_off(project.pk) if off is None else off),
        tasks=sorted(found.tasks.values(), key=lambda task: (task.position, task.number)),
        memories=list(found.memories.values()),
        messages=_messages(gathered),
        changes=[dict(one) for one in earlier],
        changed_by=_numbers_of(earlier),
        counts=dict(gathered.counts),
        context=dict(results[Phase.CONTEXT]),
        recalled=recalled,
        former=_former(run),
    )


def _at_export(gathered: Context, off: Collection[str] | None) -> list[str]:
    """Returns the names of what is told as it is now, since nothing tells what the run found."""
    return [
        *SESSION_AT_EXPORT,
        *(["off"] if off is None else []),
        *([] if gathered.people else ["people"]),
    ]


def _messages(gathered: Context) -> list[Said]:
    return [
        Said(role=one.role, content=one.content, at=one.at, number=one.number)  # type: ignore[arg-type]
        for one in gathered.history
        if one.number is not None
    ]


def _earlier_changes(run: Run, own: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Returns the session's last changes before the run: more of them if the run undoes some."""
    undoes = any(
        (step.get("tool") or "").startswith("undo")
        for event in own
        if event["type"] == "plan"
        for step in event["plan"]["steps"]
    )
    rows = Event.objects.filter(session=run.session_id, seq__lt=own[0]["seq"], type="change")
    bodies = rows.order_by("-seq").values_list("body", flat=True)
    latest = bodies[: MAX_CHANGES if undoes else RECENT]
    return [parsing.read(body).as_json() for body in reversed(latest)]


def _numbers_of(earlier: Sequence[Mapping[str, Any]]) -> dict[UUID, int]:
    keys = {UUID(frame["run"]) for frame in earlier if frame["run"]}
    return dict(Run.objects.filter(pk__in=keys).values_list("pk", "number"))


def _last_number(own: Sequence[Mapping[str, Any]], found: _Objects) -> int:
    """Returns the number of the project's last task before the run created some."""
    created = [
        event["change"]["after"]["number"]
        for event in _changes(own)
        if event["change"]["object"] == "task" and event["change"]["action"] == "created"
    ]
    if created:
        return int(min(created)) - 1
    return max([found.run.session.project.last_task_number, *(t.number for t in found.all_tasks)])


def _last_position(run: Run) -> int | None:
    rows = Task.all_objects.filter(project=run.session.project_id, created_at__lt=_start(run))
    last = rows.aggregate(last=Max("position"))["last"]
    return None if last is None else int(last)


def _start(run: Run) -> Any:
    return run.started_at or timezone.now()


def _changes(frames: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (frame for frame in frames if frame["type"] == "change")


class _Objects:
    """The tasks and memories that a run knew of, as they were when it started."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.project = run.session.project_id
        self.tasks: dict[UUID, TaskRow] = {}
        self.memories: dict[UUID, MemoryRow] = {}
        self._own: set[UUID] = set()  # created by the run
        self._numbers: dict[int, UUID] = {}

    @property
    def all_tasks(self) -> list[TaskRow]:
        return list(self.tasks.values())

    def take_context(self, context: Context, recalled: Sequence[Mapping[str, Any]] | None) -> None:
        groups = (context.tasks, context.completed, context.recent_tasks, context.named)
        briefs = {task.id: task for group in groups for task in group}
        if context.focus:
            briefs.setdefault(context.focus.id, context.focus)
        rows = self._rows(int(number[1:]) for number in briefs)
        for place, task in enumerate(briefs.values()):
            self._add(_from_brief(task, rows.get(int(task.id[1:])), place))
        again = [MemoryBrief(**values) for values in recalled or ()]
        briefs_of_memories = (*context.memories, *context.recent_memories, *again)
        for brief in briefs_of_memories:
            self.memories.setdefault(UUID(brief.id), _memory(brief))
        self._categorize()

    def take_changes(self, own: Sequence[Mapping[str, Any]]) -> None:
        """Adds what the run changed as it was before, and what an approval showed."""
        seen: set[UUID] = set()
        for change in _shown_and_made(own):
            key = UUID(change["id"])
            if key in seen:
                continue
            seen.add(key)
            if change["before"] is None and change["action"] == "created":
                self._own.add(key)
            elif change["before"] is not None or change["action"] == "restored":
                self._take(change, deleted=change["action"] == "restored")

    def take_earlier(self, earlier: Sequence[Mapping[str, Any]]) -> None:
        """Adds what the session changed before and the context does not have, as the last change left it."""
        for frame in reversed(earlier):
            change = frame["change"]
            known = self.tasks if change["object"] == "task" else self.memories
            if UUID(change["id"]) not in known:
                self._take(change, deleted=change["action"] == "deleted")

    def take_named(self) -> None:
        """Adds the tasks that others depend on or belong to, as they are now."""
        known = set(self._numbers)
        named = {
            number
            for task in self.tasks.values()
            for number in (*task.depends_on, *([task.parent] if task.parent else ()))
        }
        rows = self._rows(named - known)
        for row in rows.values():
            self._add(_from_row(row))
        for task in self.tasks.values():
            task.depends_on = [number for number in task.depends_on if number in self._numbers]
            task.parent = task.parent if task.parent in self._numbers else None

    def _rows(self, numbers: Iterable[int]) -> dict[int, Task]:
        rows: QuerySet[Task] = Task.all_objects.filter(
            project=self.project, number__in=set(numbers)
        )
        return {row.number: row for row in rows.select_related("assignee", "parent")}

    def _add(self, task: TaskRow) -> None:
        if task.id not in self._own:
            self.tasks[task.id] = task
            self._numbers[task.number] = task.id

    def _take(self, change: Mapping[str, Any], *, deleted: bool) -> None:
        values = change["before"] or change["after"]
        if change["object"] == "task" and values and "number" in values:
            self._add(self._from_values(values, deleted=deleted))
        elif change["object"] == "memory" and values and "content" in values:
            names = ("title", "content", "kind", "category")
            known = self.memories.get(UUID(change["id"]))
            changed = known.changed if known else ""
            self.memories[UUID(change["id"])] = MemoryRow(
                id=UUID(change["id"]),
                changed=changed,
                deleted=deleted,
                **{name: str(values.get(name) or "") for name in names},
            )

    def _from_values(self, values: Mapping[str, Any], *, deleted: bool) -> TaskRow:
        ids = [*values["depends_on"], *([values["parent"]] if values["parent"] else ())]
        rows = Task.all_objects.filter(project=self.project, pk__in=ids)
        numbers = {str(row.pk): row.number for row in rows}
        numbers |= {str(task.id): task.number for task in self.tasks.values()}
        return TaskRow(
            **{
                **{name: values[name] for name in _PLAIN},
                "id": UUID(values["id"]),
                "parent": numbers.get(values["parent"]),
                "depends_on": [numbers[key] for key in values["depends_on"] if key in numbers],
                "deleted": deleted,
            }
        )

    def _categorize(self) -> None:
        """Adds the categories of the memories, which a model is not shown."""
        rows = Memory.all_objects.filter(project=self.project, pk__in=list(self.memories))
        for key, category in rows.values_list("pk", "category"):
            self.memories[key].category = category


_PLAIN = (
    "number", "title", "description", "status", "priority", "due", "estimate", "labels", "criteria",
    "assignee", "position",
)  # fmt: skip


def _shown_and_made(own: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for frame in own:
        if frame["type"] == "change":
            yield frame["change"]
        elif frame["type"] == "approval":
            for effect in frame["approval"].get("effects") or ():
                yield from (one for one in effect["changes"] if one["action"] != "created")


def _from_brief(task: TaskBrief, row: Task | None, place: int) -> TaskRow:
    position = row.position if row else place
    return TaskRow(
        id=row.pk if row else uuid4(),
        number=int(task.id[1:]),
        title=task.title,
        description=task.description,
        status=task.status,
        priority=task.priority,
        due=task.due,
        estimate=task.estimate,
        labels=list(task.labels),
        criteria=[dict(one) for one in task.criteria],
        assignee=task.assignee,
        parent=int(task.parent[1:]) if task.parent else None,
        depends_on=[int(number[1:]) for number in task.depends_on],
        position=position,
        deleted=False,
    )


def _from_row(row: Task) -> TaskRow:
    return TaskRow(
        id=row.pk,
        number=row.number,
        title=row.title,
        description=row.description,
        status=str(row.status),
        priority=str(row.priority),
        due=row.due.isoformat() if row.due else None,
        estimate=row.estimate,
        labels=list(row.labels),
        criteria=list(row.criteria),
        assignee=row.assignee.get_username() if row.assignee else None,
        parent=row.parent.number if row.parent else None,
        depends_on=[],
        position=row.position,
        deleted=row.deleted_at is not None,
    )


def _memory(brief: MemoryBrief) -> MemoryRow:
    return MemoryRow(
        id=UUID(brief.id),
        title=brief.title,
        content=brief.content,
        kind=brief.kind,
        category="",
        changed=brief.changed,
        deleted=False,
    )


def _people(run: Run, own: Sequence[Mapping[str, Any]], members: Iterable[str]) -> list[Person]:
    """Returns the `members` of that time, with the roles that they have now, and who else takes part in the
    run. Older contexts have no members: then those of now.
    """
    project = run.session.project
    now: dict[str, Any] = {project.owner.get_username(): "owner"}
    memberships = Membership.objects.filter(project=project).select_related("user")
    now |= {one.user.get_username(): str(one.role) for one in memberships}
    roles = {name: now.get(name, "") for name in members} or dict(now)
    for frame in own:
        part = frame.get(frame["type"])
        said = part if isinstance(part, dict) else frame
        for name in (said.get("by"), said.get("author")):
            if isinstance(name, str):
                roles.setdefault(name, now.get(name, ""))
    return [Person(name=name, role=role) for name, role in roles.items()]


def _former(run: Run) -> Former | None:
    former = run.retry_of
    if former is None or former.status not in _ENDED:
        return None
    revision = store.latest(former)
    steps = list(revision.steps.order_by("position")) if revision else []
    approvals = Approval.objects.filter(plan=revision) if revision else ()
    own = run.phases.filter(started_at__lt=run.created_at).exists()
    return Former(
        id=former.pk,
        number=former.number,
        status=former.status,  # type: ignore[arg-type]  # one of _ENDED
        continues=own or run.plans.filter(created_at__lte=_start(run)).exists(),
        phases=[
            {"phase": row.phase, "result": row.result, "duration_ms": row.duration_ms}
            for row in former.phases.all()
        ],
        plan=None if revision is None else {name: getattr(revision, name) for name in _OF_PLAN},
        steps=[_step(step) for step in steps],
        approvals=[
            {name: getattr(one, name) for name in ("status", "reason", "effects", "comments")}
            | {"by": one.decided_by.get_username() if one.decided_by else None}
            for one in approvals
        ],
    )


_OF_PLAN = ("summary", "assumptions", "questions", "digest")
_OF_STEP = (
    "key", "position", "type", "tool", "description", "arguments", "depends_on", "untrusted", "status",
    "result", "created", "error",
)  # fmt: skip


def _step(step: PlanStep) -> dict[str, Any]:
    times = {"started_at": step.started_at, "finished_at": step.finished_at}
    return {name: getattr(step, name) for name in _OF_STEP} | {
        name: time and stamp(time) for name, time in times.items()
    }
