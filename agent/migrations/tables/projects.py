"""Projects, who is in them, and the tools that are switched off there."""

import uuid

from django.conf import settings
from django.db import migrations, models

from .columns import column

TABLES = [
    migrations.CreateModel(
        name="Project",
        fields=[
            (
                "id",
                models.UUIDField(
                    default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("name", models.CharField(max_length=200)),
            (
                "description",
                models.TextField(blank=True, help_text="The agent reads it before every plan."),
            ),
            (
                "board_version",
                models.PositiveBigIntegerField(
                    default=0,
                    editable=False,
                    help_text="Incremented by each change of a task or memory.",
                ),
            ),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            (
                "owner",
                models.ForeignKey(
                    on_delete=models.CASCADE,
                    related_name="owned_projects",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            (
                "last_task_number",
                models.PositiveIntegerField(
                    default=0,
                    editable=False,
                    help_text="The number of the task that was created last.",
                ),
            ),
        ],
        options={
            "ordering": ["created_at", "id"],
        },
    ),
    migrations.CreateModel(
        name="Membership",
        fields=[
            (
                "id",
                models.BigAutoField(
                    auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                ),
            ),
            (
                "role",
                models.CharField(
                    choices=[("owner", "Owner"), ("editor", "Editor"), ("viewer", "Viewer")],
                    default="viewer",
                    max_length=10,
                ),
            ),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            (
                "user",
                models.ForeignKey(
                    on_delete=models.CASCADE,
                    related_name="memberships",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            (
                "project",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="memberships", to="agent.project"
                ),
            ),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(fields=("project", "user"), name="one_membership_per_user")
            ],
        },
    ),
    migrations.CreateModel(
        name="Invitation",
        fields=[
            (
                "id",
                models.UUIDField(
                    default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("username", models.CharField(max_length=150)),
            (
                "role",
                models.CharField(
                    choices=[("owner", "Owner"), ("editor", "Editor"), ("viewer", "Viewer")],
                    default="viewer",
                    max_length=10,
                ),
            ),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            (
                "invited_by",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                ),
            ),
            (
                "project",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="invitations", to="agent.project"
                ),
            ),
            (
                "user",
                models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=models.CASCADE,
                    related_name="invitations",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
        ],
        options={
            "ordering": ["created_at", "id"],
            "constraints": [
                models.UniqueConstraint(
                    fields=("project", "username"), name="one_invitation_per_username"
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="SwitchedOffTool",
        fields=[
            (
                "id",
                models.BigAutoField(
                    auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                ),
            ),
            ("tool", models.CharField(max_length=100)),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            (
                "by",
                models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            (
                "project",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="switched_off_tools", to="agent.project"
                ),
            ),
        ],
        options={
            "ordering": ["tool"],
            "constraints": [
                models.UniqueConstraint(fields=("project", "tool"), name="one_switch_per_tool")
            ],
        },
    ),
]
COLUMNS = [
    column(
        "project",
        "stored_tasks",
        "integer NOT NULL DEFAULT 0 CHECK (stored_tasks >= 0)",
        models.PositiveIntegerField(
            db_default=0, default=0, editable=False, help_text="Tasks that are not deleted."
        ),
    ),
    column(
        "project",
        "stored_memories",
        "integer NOT NULL DEFAULT 0 CHECK (stored_memories >= 0)",
        models.PositiveIntegerField(
            db_default=0, default=0, editable=False, help_text="Memories that are not deleted."
        ),
    ),
    column(
        "project",
        "stored_bytes",
        "bigint NOT NULL DEFAULT 0 CHECK (stored_bytes >= 0)",
        models.PositiveBigIntegerField(
            db_default=0,
            default=0,
            editable=False,
            help_text="Bytes of the event logs as of the latest messages, and of changes outside of them.",
        ),
    ),
    column(
        "project",
        "runs_day",
        "integer NOT NULL DEFAULT 0 CHECK (runs_day >= 0)",
        models.PositiveIntegerField(
            db_default=0,
            default=0,
            editable=False,
            help_text="The day of the latest run, as a number.",
        ),
    ),
    column(
        "project",
        "runs_of_day",
        "integer NOT NULL DEFAULT 0 CHECK (runs_of_day >= 0)",
        models.PositiveIntegerField(
            db_default=0, default=0, editable=False, help_text="How many runs began on that day."
        ),
    ),
]
