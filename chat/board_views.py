"""The pages of one task and of one memory: new ones, their fields, their history and deletion."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_POST

from agent.board import task_rules, task_spec, tasks
from agent.board.locking import lock_board
from agent.change import Change
from agent.edits import undo
from agent.edits.manual_changes import Work, apply_to_project
from agent.exceptions import QuotaReached, Refused, ToolFailed
from agent.memory import memories
from agent.models import Memory, Project, Task
from agent.models.projects import Role
from chat import access
from chat.board_forms import MemoryForm, TaskForm
from chat.page_context import frame, sends_form, to, user_of

# Revisions of a memory that its page lists, the newest first.
MAX_REVISIONS = 100

page = require_http_methods(["GET", "POST"])


# -- tasks -----------------------------------------------------------------------------------------


@login_required
@page
def new_task(request: HttpRequest, project_id: UUID) -> HttpResponse:
    user = user_of(request)
    project = access.get_project(user, project_id, Role.EDITOR)
    form = TaskForm(request.POST or None, project_id=project.pk)
    if request.method == "POST" and form.is_valid() and _create(form, project, user):
        return to("project", project_id, "task-added")
    return _show_task(request, project, form)


def _create(form: TaskForm, project: Project, user: User) -> bool:
    def work() -> tuple[Task, list[Change]]:
        task, change = tasks.create_task(project_id=project.pk, **form.values())
        return task, [change]

    return _applied(form, project, work, user)


def _applied(form: TaskForm, project: Project, work: Work[Task], user: User) -> bool:
    try:
        apply_to_project(project.pk, work, by=user)
    except ToolFailed as failed:  # such as a circle of dependencies
        is_quota = isinstance(failed, QuotaReached)
        form.add_error("title" if is_quota else "depends_on", str(failed))
        return False
    return True


def _show_task(
    request: HttpRequest, project: Project, form: TaskForm, task: Task | None = None
) -> HttpResponse:
    people = [person.get_username() for person in task_rules.members(project.pk)]
    context = {**frame(request, project), "form": form, "task": task, "people": people}
    if task is not None:
        context["specification"] = task_spec.render(task)
    return render(request, "chat/task.html", context, status=400 if form.errors else 200)


@login_required
@page
def task_page(request: HttpRequest, task_id: UUID) -> HttpResponse:
    needed = Role.EDITOR if request.method == "POST" else Role.VIEWER
    task = access.get_task(user_of(request), task_id, needed)
    if request.method == "GET":
        return _show_task(
            request, task.project, TaskForm(project_id=task.project_id, task=task), task
        )
    with transaction.atomic():
        lock_board(task.project_id)  # before the task, as every change of the board
        now = get_object_or_404(Task.objects.select_for_update(), pk=task.pk)
        form = TaskForm(request.POST, project_id=task.project_id, task=now)
        if form.is_valid() and _update(form, task.project, now, user_of(request)):
            return to("task", task_id, "saved")
        return _show_task(request, task.project, form, now)


def _update(form: TaskForm, project: Project, task: Task, user: User) -> bool:
    def work() -> tuple[Task, list[Change]]:
        changed, change = tasks.update_task(task=task, **form.values())
        return changed, [change] if change else []

    return _applied(form, project, work, user)


@sends_form
@require_POST
def delete_task(request: HttpRequest, task_id: UUID) -> HttpResponse:
    task = access.get_task(user_of(request), task_id, Role.EDITOR)

    def work() -> tuple[None, list[Change]]:
        return None, [tasks.delete_task(task=task)[1]]

    apply_to_project(task.project_id, work, by=user_of(request))
    return to("project", task.project_id, "task-deleted")


@sends_form
@require_POST
def move_task(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """Moves a task before or after its neighbour with the same status (`direction`: up, down)."""
    task = access.get_task(user_of(request), task_id, Role.EDITOR)
    is_up = request.POST.get("direction") == "up"
    others = Task.objects.filter(project=task.project_id, status=task.status).exclude(pk=task.pk)
    nearest = (
        others.filter(position__lte=task.position).order_by("-position")
        if is_up
        else others.filter(position__gte=task.position).order_by("position")
    )
    other = nearest.first()

    def work() -> tuple[None, list[Change]]:
        assert other is not None
        before, after = (other, None) if is_up else (None, other)
        _, change = tasks.move_task(task=task, before=before, after=after)
        return None, [change] if change else []

    if other is None:
        return to("task", task_id, "at-the-end")
    apply_to_project(task.project_id, work, by=user_of(request))
    return to("task", task_id, "moved")


# -- memories --------------------------------------------------------------------------------------


@login_required
@page
def new_memory(request: HttpRequest, project_id: UUID) -> HttpResponse:
    user = user_of(request)
    project = access.get_project(user, project_id, Role.EDITOR)
    form = MemoryForm(request.POST or None)

    def work() -> tuple[Memory, list[Change]]:
        memory, change = memories.remember(project_id=project.pk, by_id=user.pk, **form.values())
        return memory, [change] if change else []

    if request.method == "POST" and form.is_valid():
        try:
            memory = apply_to_project(project.pk, work, by=user)
        except QuotaReached as reached:
            form.add_error("title", str(reached))
        else:
            return to("memory", memory.pk, "memory-added")
    context = {**frame(request, project), "form": form}
    return render(request, "chat/memory.html", context, status=400 if form.errors else 200)


@login_required
@page
def memory_page(request: HttpRequest, memory_id: UUID) -> HttpResponse:
    """Shows a memory, also a deleted one, and its revisions; changes it."""
    user = user_of(request)
    if request.method == "GET":
        memory = access.get_memory_or_forgotten(user, memory_id)
        return _show_memory(request, memory, MemoryForm(memory=memory))
    memory = access.get_memory(user, memory_id, Role.EDITOR)
    with transaction.atomic():
        now = get_object_or_404(Memory.objects.select_for_update(), pk=memory.pk)
        form = MemoryForm(request.POST, memory=now)
        if not form.is_valid():
            return _show_memory(request, memory, form)
        _revise(now, user, **form.values())
    return to("memory", memory_id, "saved")


def _revise(memory: Memory, by: User, **fields: Any) -> None:
    def work() -> tuple[None, list[Change]]:
        _, change = memories.revise(memory=memory, by_id=by.pk, **fields)
        return None, [change] if change else []

    apply_to_project(memory.project_id, work, by=by)


def _show_memory(
    request: HttpRequest, memory: Memory, form: MemoryForm, alert: str = ""
) -> HttpResponse:
    revisions = memory.revisions.select_related("by").order_by("-number")[:MAX_REVISIONS]
    context = {
        **frame(request, memory.project),
        "form": form,
        "memory": memory,
        "revisions": list(revisions),
        "alert": alert,
    }
    status = 409 if alert else 400 if form.errors else 200
    return render(request, "chat/memory.html", context, status=status)


@sends_form
@require_POST
def use_revision(request: HttpRequest, memory_id: UUID, number: int) -> HttpResponse:
    """Gives a memory the content that it had after an earlier change, as another revision."""
    user = user_of(request)
    memory = access.get_memory(user, memory_id, Role.EDITOR)
    revision = memory.revisions.filter(number=number).first()
    if revision is None:
        raise Http404("Revision not found.")
    fields = {name: getattr(revision, name) for name in ("title", "content", "kind", "category")}
    _revise(memory, user, **fields)
    return to("memory", memory_id, "saved")


@sends_form
@require_POST
def delete_memory(request: HttpRequest, memory_id: UUID) -> HttpResponse:
    """Deletes a memory and shows it, with the button that restores it."""
    user = user_of(request)
    memory = access.get_memory(user, memory_id, Role.EDITOR)

    def work() -> tuple[None, list[Change]]:
        return None, [memories.forget(memory=memory, by_id=user.pk)[1]]

    apply_to_project(memory.project_id, work, by=user)
    return to("memory", memory_id, "memory-deleted")


@sends_form
@require_POST
def undo_memory(request: HttpRequest, memory_id: UUID) -> HttpResponse:
    user = user_of(request)
    memory = access.get_memory_or_forgotten(user, memory_id, Role.EDITOR)

    def work() -> tuple[None, list[Change]]:
        return None, [undo.undo_latest(memory, by_id=user.pk)]

    try:
        apply_to_project(memory.project_id, work, by=user)
    except Refused as refused:
        return _show_memory(request, memory, MemoryForm(memory=memory), str(refused))
    return to("memory", memory_id, "undone")
