"""Models that belong to a user: access tokens, feedback, and the deletion of an account."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from agent.models.base import UUIDModel
from agent.models.projects import Project
from agent.models.runs import Run


class ApiToken(UUIDModel):
    """An access token for programs. Only the digest of its key is stored."""

    class Scope(models.TextChoices):
        READ = "read"
        WRITE = "write"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(max_length=100, blank=True)
    prefix = models.CharField(max_length=12, help_text="The key's beginning, to tell tokens apart.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scope = models.CharField(max_length=10, choices=Scope.choices, default=Scope.WRITE)
    # Without the project, the token would be one for all.
    project = models.ForeignKey(
        Project,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="The only project that the token opens; empty: all of the user's.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "access token"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.prefix}…"


class ModelTokens(models.Model):
    """The tokens of a model that a person's runs in a project used on one day. They stay counted for the
    person when the project is deleted.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    project = models.ForeignKey(
        Project, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    day = models.PositiveIntegerField(help_text="As a number: see `agent.accounts.quotas.today`.")
    tokens = models.PositiveBigIntegerField(help_text="Of prompts and answers.")

    class Meta:
        verbose_name_plural = "model tokens"
        constraints = [
            models.UniqueConstraint(
                fields=["user", "day", "project"], name="one_count_of_tokens_per_day"
            )
        ]
        indexes = [models.Index(fields=["project", "day"], name="model_tokens_of_project")]

    def __str__(self) -> str:
        return f"{self.tokens} of {self.user_id} in {self.project_id}"


class DeletedRuns(models.Model):
    """How many runs a person had started on a day, as far as deleted sessions tell: those stay counted."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    day = models.PositiveIntegerField(help_text="As a number: see `agent.accounts.quotas.today`.")
    runs = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "deleted runs"

    def __str__(self) -> str:
        return f"{self.runs} of {self.user_id}"


class Feedback(UUIDModel):
    """A person's rating of a run."""

    class Value(models.IntegerChoices):
        HELPFUL = 1
        NOT_HELPFUL = -1

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="feedback")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="feedback"
    )
    target = models.CharField(
        max_length=50, default="answer", help_text="answer, progress, or a plan step's id"
    )
    value = models.SmallIntegerField(choices=Value.choices)
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "feedback"
        indexes = [models.Index(fields=["created_at"], name="feedback_by_time")]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "user", "target"], name="one_feedback_per_target"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_value_display()}: {self.target}"


class AccountDeletion(models.Model):
    """An account that is being deleted, in parts. It goes with the user, as the last part."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    began_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"Deletion of {self.user_id}"
