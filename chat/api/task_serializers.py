"""A task as the API shows it, and as it takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from agent.board import readiness, task_rules
from agent.board import tasks as board
from agent.board.criteria import MAX_CRITERION
from agent.models import Task
from chat.api.serializers import Plain
from chat.api.text_fields import NameField, TextField


class CriterionSerializer(Plain):
    id = serializers.CharField()
    text = serializers.CharField()
    done = serializers.BooleanField()


class TaskSerializer(Plain):
    """A task as in `change` events, with its times and what follows from other tasks."""

    id = serializers.UUIDField()
    project = serializers.UUIDField()
    number = serializers.IntegerField(help_text="What people call the task: #12.")
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(Task.Status.choices)
    priority = serializers.ChoiceField(Task.Priority.choices)
    due = serializers.DateField(allow_null=True)
    estimate = serializers.FloatField(allow_null=True, help_text="Hours of work.")
    labels = serializers.ListField(child=serializers.CharField())
    criteria = CriterionSerializer(many=True)
    assignee = serializers.CharField(allow_null=True, help_text="A user name.")
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]  # a field, which DRF removes from the class
    depends_on = serializers.ListField(child=serializers.UUIDField())
    position = serializers.IntegerField()
    ready = serializers.BooleanField(help_text="It is pending and waits for no other task.")
    overdue = serializers.BooleanField(help_text="It is open, and was due before today.")
    waits_for = serializers.ListField(
        child=serializers.IntegerField(), help_text="The numbers of the open tasks it depends on."
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def to_representation(self, instance: Task | Mapping[str, Any]) -> dict[str, Any]:
        shown = task_shown(instance) if isinstance(instance, Task) else instance
        return super().to_representation(shown)


def task_shown(task: Task) -> dict[str, Any]:
    return tasks_shown([task])[0]


def tasks_shown(tasks: list[Task]) -> list[dict[str, Any]]:
    waiting = readiness.waits_for(tasks)
    return [
        {
            **fields,
            "ready": task.status == Task.Status.PENDING and not waiting[task.pk],
            "overdue": readiness.is_overdue(task.status, task.due),
            "waits_for": waiting[task.pk],
            "project": task.project_id,
            "created_at": task.created_at,
            "updated_at": task.updated_at,
        }
        for task, fields in zip(tasks, board.tasks_json(tasks), strict=True)
    ]


class CriterionInput(serializers.Serializer[None]):
    id = serializers.CharField(max_length=20, required=False)
    text = TextField(max_length=MAX_CRITERION)
    done = serializers.BooleanField(
        required=False, help_text="Without it, a criterion with the same id or text keeps its tick."
    )


class TaskInput(serializers.Serializer[Task]):
    title = NameField(max_length=task_rules.MAX_TITLE)
    description = TextField(max_length=task_rules.MAX_DESCRIPTION, allow_blank=True, required=False)
    status = serializers.ChoiceField(Task.Status.choices, required=False)
    priority = serializers.ChoiceField(Task.Priority.choices, required=False)
    due = serializers.DateField(allow_null=True, required=False)
    estimate = serializers.FloatField(
        min_value=0, max_value=task_rules.MAX_HOURS, allow_null=True, required=False
    )
    labels = serializers.ListField(child=TextField(max_length=30), required=False)
    criteria = CriterionInput(many=True, required=False)
    assignee = TextField(
        max_length=150, allow_null=True, required=False, help_text="The user name of a member."
    )
    parent = serializers.UUIDField(allow_null=True, required=False)  # type: ignore[assignment]  # a field, which DRF removes from the class
    depends_on = serializers.ListField(
        child=serializers.UUIDField(), max_length=task_rules.MAX_DEPENDENCIES, required=False
    )
    position = serializers.IntegerField(
        min_value=-task_rules.LAST_POSITION,
        max_value=task_rules.LAST_POSITION,
        required=False,
        help_text="The position of another task; the task is placed directly before it.",
    )
