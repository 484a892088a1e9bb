"""Models for the API's clients. The agent's own are in `agent.models`."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from agent.models import ChatSession, Run


class KeptAnswer(models.Model):
    """The stored response to a request with an `Idempotency-Key`."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the request.")
    status = models.PositiveSmallIntegerField(null=True, help_text="None while it is carried out.")
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)
    began_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_answer_per_key")]
        indexes = [models.Index(fields=["began_at"], name="kept_answer_by_age")]

    def __str__(self) -> str:
        return self.key


class Alias(models.Model):
    """An AG-UI client's own name for a session (thread) or a run."""

    class Kind(models.TextChoices):
        THREAD = "thread"
        RUN = "run"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    name = models.CharField(max_length=255)
    only_project = models.UUIDField(
        null=True, help_text="The project of the token, if it is for one: its names are its own."
    )
    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="+")
    run = models.ForeignKey(Run, null=True, on_delete=models.CASCADE, related_name="+")
    after = models.PositiveBigIntegerField(
        default=0,
        help_text="A run begins behind this event: one that resumes, in the midst of ours.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "kind", "name"],
                condition=models.Q(only_project=None),
                name="one_alias_per_name",
            ),
            models.UniqueConstraint(
                fields=["user", "kind", "name", "only_project"],
                condition=models.Q(only_project__isnull=False),
                name="one_alias_per_name_and_project",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
