"""Chat sessions and what was said in them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from agent.models.base import UUIDModel
from agent.models.projects import Project


class ApprovalMode(models.TextChoices):
    """When a person is asked for approval of a plan."""

    AUTO = "auto"  # when the plan needs it
    REQUIRED = "required"  # always


class ChatSession(UUIDModel):
    """One thread between people and the agent, with one append-only log of events."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="sessions")
    title = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    approval = models.CharField(
        max_length=10,
        choices=ApprovalMode.choices,
        default=ApprovalMode.AUTO,
        help_text="For all its messages; one message may ask for more, never for less.",
    )
    task = models.ForeignKey(
        "agent.Task",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="What the session is about: “it”, where a message names no other task.",
    )
    # Both are raised only by `agent.event_log.log` and `agent.runs.runs`, with the session's row locked.
    last_seq = models.PositiveBigIntegerField(default=0, editable=False)
    run_count = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(
        auto_now_add=True, help_text="When somebody last said something."
    )

    class Meta:
        ordering = ["-updated_at", "id"]
        indexes = [models.Index(fields=["project", "-updated_at"], name="session_by_activity")]

    def __str__(self) -> str:
        return self.title or "New session"


class Message(UUIDModel):
    """What a person or the agent said."""

    class Author(models.TextChoices):
        USER = "user"
        AGENT = "assistant"

    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="messages")
    role = models.CharField(max_length=10, choices=Author.choices)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    content = models.TextField(help_text="1 to 100,000 characters.")
    client_id = models.UUIDField(
        null=True,
        blank=True,
        editable=False,
        help_text="The sender's name for it, against doubles.",
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
        indexes = [models.Index(fields=["session", "created_at"], name="message_by_time")]

    def __str__(self) -> str:
        return self.content[:60]
