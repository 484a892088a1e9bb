"""Chat sessions and their messages."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from agent.models.base import DistinctWordsField, UUIDModel
from agent.models.projects import Project
from agent.shorten import shorten
from agent.support.words import marked


class ApprovalMode(models.TextChoices):
    """When a plan needs a person's approval."""

    AUTO = "auto"  # as `approval_policy` decides
    REQUIRED = "required"  # always


class Batch(UUIDModel):
    """Messages that one command carries out: see `agent.batch`. Its id is that of the command's output."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="batches", db_index=False
    )
    name = models.CharField(max_length=200, help_text="The name of the file with the messages.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(help_text="Time of the command's latest start.")

    class Meta:
        verbose_name_plural = "batches"
        indexes = [
            models.Index(fields=["project", "-updated_at"], name="batch_by_age"),
            models.Index(fields=["updated_at", "id"], name="batch_by_use"),
        ]

    def __str__(self) -> str:
        return marked(self.name)


class ChatSession(UUIDModel):
    """A conversation of people with the agent, with one append-only event log."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="sessions")
    title = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    approval = models.CharField(
        max_length=10,
        choices=ApprovalMode.choices,
        default=ApprovalMode.AUTO,
        help_text="For all messages of the session. A message may require approval, but not waive it.",
    )
    task = models.ForeignKey(
        "agent.Task",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The task that the session is about. “It” in a message means this task.",
    )
    batch = models.ForeignKey(
        Batch,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="sessions",
        db_index=False,
        help_text="The batch that opened the session.",
    )
    # Incremented only by `agent.event_log` and `agent.runs`, with the session's row locked.
    last_seq = models.PositiveBigIntegerField(default=0, editable=False)
    run_count = models.PositiveIntegerField(default=0, editable=False)
    # Raised only by `agent.engine.pruning`.
    first_seq = models.PositiveBigIntegerField(
        default=1,
        db_default=1,
        editable=False,
        help_text="The first event that was not pruned, or the next one.",
    )
    first_run = models.PositiveIntegerField(
        default=1,
        db_default=1,
        editable=False,
        help_text="The number of the first run whose events were not pruned, or of the next one.",
    )
    stored_bytes = models.PositiveBigIntegerField(
        default=0, db_default=0, editable=False, help_text="Bytes of the events in its log."
    )
    counted_bytes = models.PositiveBigIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="Those of them that its project's `stored_bytes` has.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now_add=True, help_text="Time of the latest message.")

    class Meta:
        ordering = ["-updated_at", "id"]
        indexes = [
            models.Index(fields=["project", "-updated_at"], name="session_by_activity"),
            models.Index(fields=["-updated_at", "id"], name="session_by_age"),
            models.Index(
                fields=["project", "-updated_at"],
                condition=Q(batch__isnull=True),
                name="session_listed",
            ),
            models.Index(
                fields=["batch", "-updated_at"],
                condition=Q(batch__isnull=False),
                name="session_of_batch",
            ),
        ]

    def __str__(self) -> str:
        return marked(self.title) or "New session"


class Message(UUIDModel):
    """A message of a person or of the agent."""

    class Author(models.TextChoices):
        USER = "user"
        AGENT = "assistant"

    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="messages")
    role = models.CharField(max_length=10, choices=Author.choices)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    content = models.TextField(help_text="1 to 100,000 characters.")
    words = DistinctWordsField(of="content")  # which the search index has
    client_id = models.UUIDField(
        null=True,
        blank=True,
        editable=False,
        help_text="The sender's id of the message: a repeated request creates no second message.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["session", "client_id"],
                condition=Q(client_id__isnull=False),
                name="one_message_per_client_id",
            )
        ]
        indexes = [
            models.Index(fields=["session", "created_at"], name="message_by_time"),
            models.Index(fields=["created_at", "id"], name="message_by_age"),
        ]

    def __str__(self) -> str:
        return shorten(self.content, 60)


class MessageEntry(models.Model):
    """A message in the search index. Triggers of the database write it with each message.

    A migration adds these, and the database's full-text index: FTS5 on SQLite, `tsvector` on PostgreSQL.
    """

    message_id = models.UUIDField(unique=True)
    project_id = models.UUIDField()

    class Meta:
        verbose_name_plural = "message entries"

    def __str__(self) -> str:
        return str(self.message_id)
