"""The project's tasks."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from agent.models.base import SoftDeleteModel, TextKeyField, WordsField
from agent.models.projects import Project
from agent.support.words import marked


class Task(SoftDeleteModel):
    """An item on the project's board, for people. Not background work."""

    class Status(models.TextChoices):
        PENDING = "pending"
        IN_PROGRESS = "in_progress"
        COMPLETED = "completed"
        BLOCKED = "blocked"
        CANCELLED = "cancelled"  # will not be done; what depends on it waits no longer

    class Priority(models.TextChoices):
        LOW = "low"
        MEDIUM = "medium"
        HIGH = "high"

    OPEN = (Status.PENDING, Status.IN_PROGRESS, Status.BLOCKED)
    OVER = (Status.COMPLETED, Status.CANCELLED)

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tasks")
    number = models.PositiveIntegerField(
        editable=False, help_text="What people call the task: #12. Counted per project."
    )
    title = models.CharField(max_length=200)
    title_key = TextKeyField(of="title")
    description = models.TextField(
        blank=True, help_text="The specification that a coding agent gets."
    )
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PENDING)
    priority = models.CharField(max_length=10, choices=Priority.choices, default=Priority.MEDIUM)
    due = models.DateField(null=True, blank=True)
    estimate = models.FloatField(
        null=True,
        blank=True,
        help_text="Hours of work.",
        validators=[MinValueValidator(0), MaxValueValidator(10_000)],
    )
    labels = WordsField(help_text="Short words in lower case, with spaces between them.")
    criteria = models.JSONField(
        default=list,
        blank=True,
        help_text="The acceptance criteria in order, each with id, text and done.",
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="assigned_tasks",
    )
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
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="one_task_per_number")
        ]
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
            models.Index(
                fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="task_deleted"
            ),
        ]

    def __str__(self) -> str:
        return marked(self.title)

    def save(self, *args: Any, **options: Any) -> None:
        """Gives a new row that has no number the next one of its project."""
        if self.number is None:
            project = Project.objects.filter(pk=self.project_id)
            project.update(last_task_number=F("last_task_number") + 1)
            self.number = project.values_list("last_task_number", flat=True).get()
        super().save(*args, **options)
