"""Sessions, their messages, and batches."""

import uuid

from django.conf import settings
from django.db import migrations, models

from agent.models.base import DistinctWordsField

from .columns import column

TABLES = [
    migrations.CreateModel(
        name="Batch",
        fields=[
            (
                "id",
                models.UUIDField(
                    default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                ),
            ),
            (
                "name",
                models.CharField(
                    help_text="The name of the file with the messages.", max_length=200
                ),
            ),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            ("updated_at", models.DateTimeField(help_text="Time of the command's latest start.")),
            (
                "project",
                models.ForeignKey(
                    db_index=False,
                    on_delete=models.CASCADE,
                    related_name="batches",
                    to="agent.project",
                ),
            ),
        ],
        options={
            "verbose_name_plural": "batches",
            "indexes": [
                models.Index(fields=["project", "-updated_at"], name="batch_by_age"),
                models.Index(fields=["updated_at", "id"], name="batch_by_use"),
            ],
        },
    ),
    migrations.CreateModel(
        name="ChatSession",
        fields=[
            (
                "id",
                models.UUIDField(
                    default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("title", models.CharField(blank=True, max_length=200)),
            ("last_seq", models.PositiveBigIntegerField(default=0, editable=False)),
            ("run_count", models.PositiveIntegerField(default=0, editable=False)),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            (
                "updated_at",
                models.DateTimeField(auto_now_add=True, help_text="Time of the latest message."),
            ),
            (
                "created_by",
                models.ForeignKey(
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            (
                "project",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="sessions", to="agent.project"
                ),
            ),
            (
                "approval",
                models.CharField(
                    choices=[("auto", "Auto"), ("required", "Required")],
                    default="auto",
                    help_text="For all messages of the session. A message may require approval, but not waive it.",
                    max_length=10,
                ),
            ),
            (
                "task",
                models.ForeignKey(
                    blank=True,
                    help_text="The task that the session is about. “It” in a message means this task.",
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="+",
                    to="agent.task",
                ),
            ),
            (
                "batch",
                models.ForeignKey(
                    blank=True,
                    db_index=False,
                    editable=False,
                    help_text="The batch that opened the session.",
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="sessions",
                    to="agent.batch",
                ),
            ),
        ],
        options={
            "ordering": ["-updated_at", "id"],
            "indexes": [
                models.Index(fields=["project", "-updated_at"], name="session_by_activity"),
                models.Index(fields=["-updated_at", "id"], name="session_by_age"),
                models.Index(
                    condition=models.Q(("batch__isnull", True)),
                    fields=["project", "-updated_at"],
                    name="session_listed",
                ),
                models.Index(
                    condition=models.Q(("batch__isnull", False)),
                    fields=["batch", "-updated_at"],
                    name="session_of_batch",
                ),
            ],
        },
    ),
    migrations.CreateModel(
        name="Message",
        fields=[
            (
                "id",
                models.UUIDField(
                    default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                ),
            ),
            (
                "role",
                models.CharField(choices=[("user", "User"), ("assistant", "Agent")], max_length=10),
            ),
            ("content", models.TextField(help_text="1 to 100,000 characters.")),
            (
                "client_id",
                models.UUIDField(
                    blank=True,
                    editable=False,
                    help_text="The sender's id of the message: a repeated request creates no second message.",
                    null=True,
                ),
            ),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            (
                "author",
                models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            (
                "session",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="messages", to="agent.chatsession"
                ),
            ),
            ("words", DistinctWordsField(default="", editable=False, of="content")),
        ],
        options={
            "ordering": ["created_at", "id"],
            "indexes": [
                models.Index(fields=["session", "created_at"], name="message_by_time"),
                models.Index(fields=["created_at", "id"], name="message_by_age"),
            ],
            "constraints": [
                models.UniqueConstraint(
                    condition=models.Q(("client_id__isnull", False)),
                    fields=("session", "client_id"),
                    name="one_message_per_client_id",
                )
            ],
        },
    ),
]
COLUMNS = [
    column(
        "chatsession",
        "first_seq",
        "bigint NOT NULL DEFAULT 1 CHECK (first_seq >= 0)",
        models.PositiveBigIntegerField(
            db_default=1,
            default=1,
            editable=False,
            help_text="The first event that was not pruned, or the next one.",
        ),
    ),
    column(
        "chatsession",
        "first_run",
        "integer NOT NULL DEFAULT 1 CHECK (first_run >= 0)",
        models.PositiveIntegerField(
            db_default=1,
            default=1,
            editable=False,
            help_text="The number of the first run whose events were not pruned, or of the next one.",
        ),
    ),
    column(
        "chatsession",
        "stored_bytes",
        "bigint NOT NULL DEFAULT 0 CHECK (stored_bytes >= 0)",
        models.PositiveBigIntegerField(
            db_default=0, default=0, editable=False, help_text="Bytes of the events in its log."
        ),
    ),
    column(
        "chatsession",
        "counted_bytes",
        "bigint NOT NULL DEFAULT 0 CHECK (counted_bytes >= 0)",
        models.PositiveBigIntegerField(
            db_default=0,
            default=0,
            editable=False,
            help_text="Those of them that its project's `stored_bytes` has.",
        ),
    ),
]
