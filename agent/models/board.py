"""The project's tasks."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from agent.models.base import SoftDeleteModel, TextKeyField
from agent.models.projects import Project


class Task(SoftDeleteModel):
    """An item on the project's board, for people. Not background work."""

    class Status(models.TextChoices):
        PENDING = "pending"
        IN_PROGRESS = "in_progress"
        COMPLETED = "completed"
        BLOCKED = "blocked"

    class Priority(models.TextChoices):
        LOW = "low"
        MEDIUM = "medium"
        HIGH = "high"

    OPEN = (Status.PENDING, Status.IN_PROGRESS, Status.BLOCKED)

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tasks")
    title = models.CharField(max_length=200)
    title_key = TextKeyField(of="title")
    description = models.TextField(
        blank=True, help_text="The specification that a coding agent gets."
    )
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PENDING)
    priority = models.CharField(max_length=10, choices=Priority.choices, default=Priority.MEDIUM)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children"
    )
    depends_on = models.ManyToManyField(
        "self", symmetrical=False, blank=True, related_name="dependants"
    )
    position = models.BigIntegerField(
        default=0, help_text="Order on the board, ascending, with gaps."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(SoftDeleteModel.Meta):
        ordering = ["position", "created_at", "id"]
        indexes = [
            models.Index(fields=["project", "position"], name="task_by_position"),
            # Literally as in the queries of `agent.pipeline.context`.
            models.Index(
                fields=["project", "position", "created_at", "id"],
                condition=Q(deleted_at=None, status__in=["pending", "in_progress", "blocked"]),
                name="task_open",
            ),
            models.Index(fields=["project", "title_key"], name="task_by_title"),
            models.Index(fields=["project", "-updated_at"], name="task_by_change"),
            models.Index(fields=["-updated_at"], name="task_by_age"),
        ]

    def __str__(self) -> str:
        return self.title
