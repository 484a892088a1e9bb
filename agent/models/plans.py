"""The plans of runs, with their steps, and the approvals of plans."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from agent.models.base import UUIDModel
from agent.models.runs import Run
from agent.shorten import shorten


class PlanRevision(UUIDModel):
    """A valid plan. It is never changed: a repaired, edited or new plan is another revision."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="plans")
    revision = models.PositiveIntegerField()
    summary = models.TextField(blank=True)
    assumptions = models.JSONField(
        default=list, blank=True, help_text="text, and the steps that rest on it."
    )
    questions = models.JSONField(
        default=list, blank=True, help_text="Open questions: question, choices."
    )
    digest = models.CharField(max_length=64, help_text="SHA-256 of the steps' actions.")
    # What was estimated from its validation to the end of the run, in milliseconds; null without an estimate.
    low_ms = models.PositiveBigIntegerField(null=True, editable=False)
    high_ms = models.PositiveBigIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["run", "revision"]
        constraints = [
            models.UniqueConstraint(fields=["run", "revision"], name="one_plan_per_revision")
        ]
        indexes = [models.Index(fields=["created_at"], name="plan_by_time")]

    def __str__(self) -> str:
        return f"Plan {self.revision} of {self.run_id}"


class PlanStep(models.Model):
    """One step of a plan, with its status and result."""

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        SKIPPED = "skipped"  # a step that it depends on did not succeed
        CANCELLED = "cancelled"

    UNFINISHED = (Status.PENDING, Status.RUNNING)

    plan = models.ForeignKey(PlanRevision, on_delete=models.CASCADE, related_name="steps")
    key = models.CharField(max_length=40, help_text="The step's id within its plan.")
    position = models.PositiveIntegerField()
    type = models.CharField(max_length=10)
    tool = models.CharField(max_length=100, blank=True)
    description = models.TextField(blank=True)
    arguments = models.JSONField(default=dict)
    depends_on = models.JSONField(default=list)
    untrusted = models.BooleanField(
        default=False,
        editable=False,
        help_text="Its arguments were filled from results of earlier steps.",
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(null=True, blank=True)
    created = models.JSONField(
        default=list, blank=True, help_text="The ids of the objects that it created, in order."
    )
    error = models.TextField(blank=True)
    # What was estimated when it began, in milliseconds; null without an estimate.
    low_ms = models.PositiveBigIntegerField(null=True, editable=False)
    high_ms = models.PositiveBigIntegerField(null=True, editable=False)
    # With the pauses before further calls of the tool, as sub-steps of the kind `retry`.
    sub_steps = models.JSONField(default=list, blank=True, help_text="What its tool reported.")

    class Meta:
        ordering = ["plan", "position"]
        constraints = [models.UniqueConstraint(fields=["plan", "key"], name="one_step_per_key")]

    def __str__(self) -> str:
        return shorten(f"{self.key}: {self.description}", 80)


class Approval(UUIDModel):
    """A request for a person's approval of a plan, and the decision."""

    class Status(models.TextChoices):
        REQUESTED = "requested"
        APPROVED = "approved"
        REJECTED = "rejected"
        EXPIRED = "expired"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="approvals")
    plan = models.ForeignKey(PlanRevision, on_delete=models.CASCADE, related_name="approvals")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.REQUESTED)
    reason = models.TextField(blank=True)
    digest = models.CharField(
        max_length=64,
        blank=True,
        help_text="Of the plan that was shown. The approval is valid for no other plan.",
    )
    effects = models.JSONField(
        default=list, blank=True, help_text="The changes of each step, as shown to the person."
    )
    estimate = models.JSONField(
        null=True, blank=True, help_text="low_ms, median_ms, high_ms; null when unknown."
    )
    comments = models.JSONField(
        default=list, blank=True, help_text="Of a rejection, on steps of the plan: step, text."
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    requested_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["requested_at", "id"]
        indexes = [
            models.Index(
                fields=["expires_at"], condition=Q(status="requested"), name="approval_by_expiry"
            ),
            models.Index(fields=["requested_at"], name="approval_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.status} for {self.run_id}"
