"""Writes what a run found into a database, for its replay. All of it is in a project of its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from agent.board import tasks
from agent.capsule.comparing import ID
from agent.capsule.form import Capsule, Former, MemoryRow, Said, State, TaskRow
from agent.event_log.phases import Phase
from agent.memory import neighbours
from agent.models import (
    Approval,
    ChatSession,
    Event,
    Membership,
    Memory,
    Message,
    PhaseResult,
    PlanRevision,
    PlanStep,
    Project,
    Run,
    SwitchedOffTool,
    Task,
)
from agent.plans import store
from agent.text import search_index


@dataclass(frozen=True, slots=True)
class Seeded:
    """`person`: whose run it is; `missing`: how many more tasks and memories the project had, by status."""

    session: ChatSession
    person: User
    people: Mapping[str, User]
    former: Run | None
    missing: Mapping[str, int]


def with_new_ids(capsule: Capsule) -> Capsule:
    """Returns the same with other ids: a replay never meets rows of the run that was recorded."""
    new: dict[str, str] = {}
    text = ID.sub(lambda found: new.setdefault(found[0], str(uuid4())), capsule.model_dump_json())
    return Capsule.model_validate_json(text)


@transaction.atomic
def seed(capsule: Capsule) -> Seeded:
    """Writes the rows of a capsule that can be replayed."""
    return _Seeding(capsule).all()


class _Seeding:
    def __init__(self, capsule: Capsule) -> None:
        assert capsule.state is not None, "it can be replayed"
        self.capsule = capsule
        self.state: State = capsule.state
        self.zone = ZoneInfo(capsule.settings.time_zone)
        self.people = {one.name: _person(one.name) for one in self.state.people}
        person = capsule.run.person
        owners = [one.name for one in self.state.people if one.role == "owner"]
        self.person = self.people.setdefault(person, _person(person)) if person else None
        self.owner = self.people[owners[0]] if owners else self.person or _person("owner")

    def all(self) -> Seeded:
        state = self.state
        self.project = Project.objects.create(
            pk=state.project_id, name=state.project, description=state.description, owner=self.owner
        )
        self._members()
        ids = self._tasks()
        self.session = ChatSession.objects.create(
            pk=state.session_id,
            project=self.project,
            title=state.session_title,
            approval=state.session_approval,
            created_by=self.owner,
            task_id=state.session_task if state.session_task in ids else None,
        )
        self._messages()
        former = self._former(state.former) if state.former else None
        for memory in reversed(state.memories):  # the first one was changed last
            self._memory(memory)
        self._changes()
        Project.objects.filter(pk=self.project.pk).update(last_task_number=state.last_task_number)
        first = int(self.capsule.events[0]["seq"])
        ChatSession.objects.filter(pk=self.session.pk).update(
            last_seq=first - 1, run_count=self.capsule.run.number - 1
        )
        return Seeded(self.session, self.person or self.owner, self.people, former, self._missing())

    def _members(self) -> None:
        for one in self.state.people:
            if self.people[one.name] != self.owner:
                Membership.objects.create(
                    project=self.project, user=self.people[one.name], role=one.role or "editor"
                )
        for name in self.state.off:
            SwitchedOffTool.objects.create(project=self.project, tool=name)

    def _tasks(self) -> set[UUID]:
        rows = {one.number: self._task(one) for one in self.state.tasks}
        for one in self.state.tasks:
            row = rows[one.number]
            if one.parent in rows:
                Task.all_objects.filter(pk=row.pk).update(parent=rows[one.parent])
            row.depends_on.set(rows[number] for number in one.depends_on if number in rows)
        last = max((one.position for one in self.state.tasks), default=None)
        if self.state.last_position is not None and self.state.last_position != last:
            # Where the next task goes: behind those that the capsule does not have.
            Task.all_objects.create(
                project=self.project,
                number=0,
                title="-",
                position=self.state.last_position,
                deleted_at=timezone.now(),
            )
        return {row.pk for row in rows.values()}

    def _task(self, one: TaskRow) -> Task:
        values = one.model_dump(exclude={"id", "parent", "depends_on", "deleted", "assignee"})
        row = Task(
            pk=one.id,
            project=self.project,
            assignee=self.people.get(one.assignee) if one.assignee else None,
            deleted_at=timezone.now() if one.deleted else None,
            **values,
        )
        row.save(force_insert=True)
        row.refresh_from_db()
        if not one.deleted:
            search_index.put([tasks.entry_of(row)])
        return row

    def _memory(self, one: MemoryRow) -> None:
        row = Memory(
            pk=one.id,
            project=self.project,
            title=one.title,
            content=one.content,
            kind=one.kind,
            category=one.category,
            deleted_at=timezone.now() if one.deleted else None,
        )
        row.save(force_insert=True)
        row.revisions.create(
            number=1,
            action="created",
            **one.model_dump(include={"title", "content", "kind", "category"}),
        )
        if one.deleted:
            return
        neighbours.index(row)
        if one.changed:
            Memory.objects.filter(pk=row.pk).update(updated_at=self._moment(one.changed))

    def _moment(self, text: str) -> datetime:
        try:
            return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=self.zone)
        except ValueError:
            return datetime.now(UTC)

    # -- earlier runs ------------------------------------------------------------------------------

    def _messages(self) -> None:
        said: dict[int, list[Said]] = {}
        for one in self.state.messages:
            said.setdefault(one.number or 0, []).append(one)
        ids = {number: key for key, number in self.state.changed_by.items()}
        former = self.state.former
        for number in sorted({*said, *ids}):
            if former and number == former.number:
                continue
            texts = {one.role: one for one in said.get(number, ())}
            message = self._message(number, "user", texts.get("user"))
            answer = texts.get("assistant")
            self._run(ids.get(number) or uuid4(), number, message, answer)

    def _run(self, key: UUID, number: int, message: Message, answer: Said | None) -> None:
        run = Run.objects.create(
            pk=key,
            session=self.session,
            number=number,
            message=message,
            answer=self._message(number, "assistant", answer) if answer else None,
            status=Run.Status.SUCCEEDED,
            counted=False,
        )
        # Otherwise the next run would make up for what this one has to remember.
        PhaseResult.objects.create(
            run=run, phase=Phase.MEMORY, started_at=timezone.now(), duration_ms=0
        )

    def _message(self, number: int, role: str, said: Said | None) -> Message:
        message = Message.objects.create(
            session=self.session, role=role, content=said.content if said else "-"
        )
        moment = self._moment(said.at) if said else datetime.now(UTC) - timedelta(days=1)
        moment += timedelta(milliseconds=number * 2 + (role == "assistant"))
        Message.objects.filter(pk=message.pk).update(created_at=moment)
        return message

    def _changes(self) -> None:
        runs = set(Run.objects.filter(session=self.session).values_list("pk", flat=True))
        for frame in self.state.changes:
            run = UUID(frame["run"]) if frame["run"] else None
            Event.objects.create(
                session=self.session,
                seq=frame["seq"],
                run_id=run if run in runs else None,
                type=frame["type"],
                body=json.dumps(frame, ensure_ascii=False),
            )

    def _former(self, former: Former) -> Run:
        """Writes the run that is tried again, with what it had finished."""
        run = self.capsule.run
        message = self._message(former.number, "user", None)
        Message.objects.filter(pk=message.pk).update(content=run.content, author=self.person)
        row = Run.objects.create(
            pk=former.id,
            session=self.session,
            number=former.number,
            message=message,
            status=former.status,
            approval=run.approval,
            given=run.given,
            task_id=run.task,
            counted=False,
            created_by=self.person,
        )
        for phase in former.phases if former.continues else ():
            PhaseResult.objects.create(run=row, started_at=timezone.now(), **phase)
        if former.plan and former.continues:
            self._plan(row, former)
        return row

    def _plan(self, run: Run, former: Former) -> None:
        plan = PlanRevision.objects.create(run=run, revision=1, **(former.plan or {}))
        for values in former.steps:
            PlanStep.objects.create(plan=plan, **values)
        for values in former.approvals:
            by = self.people.get(values["by"]) if values["by"] else None
            told = {name: value for name, value in values.items() if name != "by"}
            Approval.objects.create(
                run=run, plan=plan, digest=store.as_plan(plan).digest, decided_by=by, **told
            )

    def _missing(self) -> dict[str, int]:
        rows = Task.objects.filter(project=self.project).values_list("status", flat=True)
        here: dict[str, int] = dict(Counter(map(str, rows)))
        here["memories"] = Memory.objects.filter(project=self.project).count()
        return {
            name: max(0, number - here.get(name, 0)) for name, number in self.state.counts.items()
        }


def _person(name: str) -> User:
    person: Any = User.objects.get_or_create(username=name or "person")[0]
    return person  # type: ignore[no-any-return]
