"""The tasks of the board."""

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models

from agent.models.base import TextKeyField, WordsField

TABLES = [
    migrations.CreateModel(
        name="Task",
        fields=[
            (
                "id",
                models.UUIDField(
                    default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("deleted_at", models.DateTimeField(blank=True, editable=False, null=True)),
            ("title", models.CharField(max_length=200)),
            (
                "description",
                models.TextField(
                    blank=True, help_text="The specification that a coding agent gets."
                ),
            ),
            (
                "status",
                models.CharField(
                    choices=[
                        ("pending", "Pending"),
                        ("in_progress", "In Progress"),
                        ("completed", "Completed"),
                        ("blocked", "Blocked"),
                        ("cancelled", "Cancelled"),
                    ],
                    default="pending",
                    max_length=12,
                ),
            ),
            (
                "priority",
                models.CharField(
                    choices=[("low", "Low"), ("medium", "Medium"), ("high", "High")],
                    default="medium",
                    max_length=10,
                ),
            ),
            (
                "position",
                models.BigIntegerField(
                    default=0, help_text="Order on the board, ascending, with gaps."
                ),
            ),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            ("updated_at", models.DateTimeField(auto_now=True)),
            (
                "parent",
                models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="children",
                    to="agent.task",
                ),
            ),
            (
                "project",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="tasks", to="agent.project"
                ),
            ),
            ("title_key", TextKeyField(default="", editable=False, max_length=32, of="title")),
            (
                "number",
                models.PositiveIntegerField(
                    editable=False, help_text="What people call the task: #12. Counted per project."
                ),
            ),
            ("due", models.DateField(blank=True, null=True)),
            (
                "estimate",
                models.FloatField(
                    blank=True,
                    help_text="Hours of work.",
                    null=True,
                    validators=[MinValueValidator(0), MaxValueValidator(10000)],
                ),
            ),
            (
                "labels",
                WordsField(
                    blank=True,
                    default=list,
                    help_text="Short words in lower case, with spaces between them.",
                ),
            ),
            (
                "criteria",
                models.JSONField(
                    blank=True,
                    default=list,
                    help_text="The acceptance criteria in order, each with id, text and done.",
                ),
            ),
            (
                "assignee",
                models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="assigned_tasks",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            (
                "depends_on",
                models.ManyToManyField(blank=True, related_name="dependants", to="agent.task"),
            ),
        ],
        options={
            "ordering": ["position", "created_at", "id"],
            "abstract": False,
            "base_manager_name": "all_objects",
            "indexes": [
                models.Index(fields=["project", "position"], name="task_by_position"),
                models.Index(fields=["project", "title_key"], name="task_by_title"),
                models.Index(fields=["project", "-updated_at"], name="task_by_change"),
                models.Index(
                    condition=models.Q(
                        ("deleted_at", None), ("status__in", ["pending", "in_progress", "blocked"])
                    ),
                    fields=["project", "position", "created_at", "id"],
                    name="task_open",
                ),
                models.Index(fields=["-updated_at"], name="task_by_age"),
                models.Index(
                    condition=models.Q(("deleted_at__isnull", False)),
                    fields=["deleted_at"],
                    name="task_deleted",
                ),
            ],
            "constraints": [
                models.UniqueConstraint(fields=("project", "number"), name="one_task_per_number")
            ],
        },
        managers=[
            ("objects", models.Manager()),
            ("all_objects", models.Manager()),
        ],
    ),
]
