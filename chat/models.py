"""What the interfaces keep for programs. The agent's own rows are in `agent.models`."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class KeptAnswer(models.Model):
    """The answer to a request with an `Idempotency-Key`, for when it is sent again."""

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
