"""Links by which anybody sees a session, or one run of it, without an account."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from agent.models.base import UUIDModel
from agent.models.runs import Run
from agent.models.sessions import ChatSession


class SharedLink(UUIDModel):
    """A read-only link. Only the digest of its secret is stored."""

    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="shared_links")
    run = models.ForeignKey(
        Run,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="The only run that is shown; without one, the whole session.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="The link works as long as this person may share the session.",
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    shows_tasks = models.BooleanField(default=False, help_text="The project's tasks are shown too.")
    shows_memories = models.BooleanField(
        default=False, help_text="The project's memories are shown too."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["session", "-created_at"], name="shared_link_by_age")]

    def __str__(self) -> str:
        what = "run" if self.run_id else "session"
        return f"Link to {what} {self.run_id or self.session_id}"
