"""The tasks of a project's board."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from agent.board import readiness, task_spec, tasks
from agent.board.locking import lock_board
from agent.change import Change
from agent.models import Project, Task
from agent.models.projects import Role
from agent.text import search_index
from agent.text.references import as_number
from chat import access
from chat.api.authentication import user_of
from chat.api.etags import require_match, tagged
from chat.api.idempotency import once
from chat.api.pages import Pages
from chat.api.schema import operation
from chat.api.task_serializers import TaskInput, TaskSerializer, tasks_shown
from chat.api.text_fields import TextField
from chat.api.views import ApiView, EditView, InSession, PageQuery, location

MAX_MATCHES = 200  # best matches of a search, before other filters


class TaskFilter(PageQuery):
    q = TextField(
        required=False,
        max_length=1000,
        help_text="Words of the title, the description, labels and criteria, best match first, in one"
        " page; or “#12” for exactly this task.",
    )
    status = serializers.ChoiceField(Task.Status.choices, required=False)
    priority = serializers.ChoiceField(Task.Priority.choices, required=False)
    number = serializers.IntegerField(min_value=1, required=False)
    assignee = serializers.CharField(required=False, help_text="A user name.")
    label = serializers.CharField(required=False)  # type: ignore[assignment]  # a field, which DRF removes from the class
    due_until = serializers.DateField(
        required=False, help_text="Only open tasks due up to this day."
    )
    ready = serializers.BooleanField(
        required=False, help_text="Only pending tasks that wait for no other task."
    )
    parent = serializers.UUIDField(required=False)  # type: ignore[assignment]  # a field, which DRF removes from the class


class ProjectTasks(EditView):
    @operation(TaskSerializer, query=TaskFilter, many=True)
    def get(self, request: Request, project_id: UUID) -> Response:
        """Lists the tasks in board order, or finds those that match `q`, in one page."""
        project = access.get_project(user_of(request), project_id)
        wanted = self.query(TaskFilter)
        filters = {
            name: wanted[name]
            for name in ("status", "priority", "number", "parent")
            if name in wanted
        }
        pages = Pages("position")
        found = readiness.filtered(
            project.tasks.filter(**filters),
            assignee=wanted.get("assignee"),
            label=wanted.get("label"),
            due_until=wanted.get("due_until"),
            ready=wanted.get("ready", False),
        )
        if "q" in wanted:
            matches = _matching(project.pk, found, wanted["q"])[: wanted["limit"]]
            shown = TaskSerializer(tasks_shown(matches), many=True).data
            return Response({"next": None, "previous": None, "results": shown})
        rows = pages.paginate_queryset(found, request, self)
        shown = TaskSerializer(tasks_shown(rows or []), many=True).data
        return pages.get_paginated_response(shown)

    @operation({201: TaskSerializer}, body=TaskInput, query=InSession, once=True)
    @once()
    def post(self, request: Request, project_id: UUID) -> Response:
        """Adds a task at the end of the board."""
        project = access.get_project(user_of(request), project_id, Role.EDITOR)
        fields = self.read(TaskInput)
        task = self.apply(project.pk, lambda: _create(project, dict(fields)))
        return tagged(self.show(TaskSerializer, task), 201, Location=location("tasks", task.pk))


class TaskDetail(EditView):
    @operation(TaskSerializer)
    def get(self, request: Request, task_id: UUID) -> Response:
        """Returns a task with its `ETag`."""
        return tagged(self.show(TaskSerializer, access.get_task(user_of(request), task_id)))

    @operation(TaskSerializer, body=TaskInput, query=InSession, match=True)
    def patch(self, request: Request, task_id: UUID) -> Response:
        """Changes the given fields."""
        task = access.get_task(user_of(request), task_id, Role.EDITOR)
        fields = self.read(TaskInput, partial=True)

        def work() -> tuple[Task, list[Change]]:
            now = self._now(task)
            changed, change = tasks.update_task(task=now, **_linked(now.project_id, fields))
            return changed, [change] if change else []

        return tagged(self.show(TaskSerializer, self.apply(task.project_id, work)))

    @operation(query=InSession, match=True)
    def delete(self, request: Request, task_id: UUID) -> Response:
        """Deletes the task; an undo restores it."""
        task = access.get_task(user_of(request), task_id, Role.EDITOR)

        def work() -> tuple[None, list[Change]]:
            return None, [tasks.delete_task(task=self._now(task))[1]]

        self.apply(task.project_id, work)
        return Response(status=204)

    def _now(self, task: Task) -> Task:
        """Returns the current task, locked. Raises StaleMatch when `If-Match` names another state."""
        lock_board(task.project_id)  # before the task, as every change of the board
        now: Task | None = Task.objects.select_for_update().filter(pk=task.pk).first()
        if now is None:
            raise Http404("Task not found.")
        require_match(self.request, self.show(TaskSerializer, now))
        return now


class Specification(serializers.Serializer[None]):
    specification = serializers.CharField(help_text="Markdown.")


class TaskSpecification(ApiView):
    @operation(Specification)
    def get(self, request: Request, task_id: UUID) -> Response:
        """Returns the task's specification for a coding agent, with its context from the project."""
        task = access.get_task(user_of(request), task_id)
        return Response({"specification": task_spec.render(task)})


def _matching(project: UUID, rows: Any, text: str) -> list[Task]:
    if (number := as_number(text)) is not None:
        return list(rows.filter(number=number))
    ids = search_index.search(project, "task", text, MAX_MATCHES)
    by_id = rows.in_bulk(ids)
    return [by_id[key] for key in ids if key in by_id]


def _create(project: Project, fields: dict[str, Any]) -> tuple[Task, list[Change]]:
    changes = {name: fields.pop(name) for name in ("status", "position") if name in fields}
    task, created = tasks.create_task(project_id=project.pk, **_linked(project.pk, fields))
    task, changed = tasks.update_task(task=task, **changes)
    return task, [created, changed] if changed else [created]


def _linked(project: UUID, fields: dict[str, Any]) -> dict[str, Any]:
    """Returns `fields` with tasks instead of their ids."""
    linked = dict(fields)
    if linked.get("parent") is not None:
        (linked["parent"],) = _tasks(project, "parent", [linked["parent"]])
    if "depends_on" in linked:
        linked["depends_on"] = _tasks(project, "depends_on", linked["depends_on"])
    return linked


def _tasks(project: UUID, field: str, ids: list[UUID]) -> list[Task]:
    # Also deleted tasks: their links are shown, so clients send them back.
    rows = Task.all_objects.filter(project=project).in_bulk(ids)
    if len(rows) != len(set(ids)):
        raise ValidationError({field: ["Task not found in this project."]})
    return list(rows.values())
