"""Runs, their plans, their ledger of what is finished, and the log of events."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from agent.models.base import UUIDModel
from agent.models.sessions import ApprovalMode, ChatSession, Message


class Run(UUIDModel):
    """One attempt to answer one message."""

    class Status(models.TextChoices):
        QUEUED = "queued"  # accepted, another run of the session is before it
        RUNNING = "running"  # claimed by a driver; `lease_until` tells whether that one lives
        WAITING = "waiting"  # parked for a person's decision, holds nothing
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    UNFINISHED = (Status.QUEUED, Status.RUNNING, Status.WAITING)

    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="runs")
    number = models.PositiveIntegerField(help_text="1 for the session's first; the order of work.")
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="runs")
    answer = models.ForeignKey(
        Message, null=True, blank=True, on_delete=models.SET_NULL, related_name="answered_runs"
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    approval = models.CharField(
        max_length=10, choices=ApprovalMode.choices, default=ApprovalMode.AUTO
    )
    task = models.ForeignKey(
        "agent.Task", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    retry_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="retries"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="runs"
    )
    model = models.CharField(max_length=200, blank=True, help_text="The model that answered.")
    counted = models.BooleanField(
        default=True,
        editable=False,
        help_text="Counts as one of its person's messages a minute; an operator's batch does not.",
    )
    given = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="project_context and conversation_history, when the caller brought its own",
    )

    replanned = models.BooleanField(
        default=False,
        editable=False,
        help_text="A step failed and what was left was planned anew, or tried to; once is enough.",
    )

    # The fence: raised with each claim and each cancel; a driver that holds an older one writes nothing.
    attempt = models.PositiveIntegerField(default=0, editable=False)
    # Claims since something was last finished or handed over; many mean that the run kills its driver.
    claims = models.PositiveIntegerField(default=0, editable=False)
    lease_owner = models.CharField(max_length=200, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    usage = models.JSONField(
        default=dict, blank=True, help_text="input_tokens, output_tokens, calls"
    )
    error = models.TextField(blank=True)
    error_code = models.CharField(max_length=30, blank=True)
    retryable = models.BooleanField(default=False)
    partial = models.TextField(
        blank=True, help_text="What was written of an answer that broke off."
    )

    class Meta:
        ordering = ["session", "number"]
        constraints = [
            models.UniqueConstraint(fields=["session", "number"], name="one_run_per_number")
        ]
        indexes = [
            models.Index(
                fields=["session", "number"],
                condition=Q(status__in=["queued", "running", "waiting"]),
                name="run_unfinished",
            ),
            models.Index(fields=["created_by", "created_at"], name="run_by_person"),
        ]

    def __str__(self) -> str:
        return f"Run {self.number} ({self.status})"

    @property
    def is_interrupted(self) -> bool:
        """Who drove it is gone, and nobody has gone on with it yet; the next look does."""
        driven = self.lease_until is not None and self.lease_until > timezone.now()
        return self.status == self.Status.RUNNING and not driven


class PhaseResult(models.Model):
    """A finished phase and what it found out; a resumed run reads it back instead of doing it again."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="phases")
    phase = models.CharField(max_length=40)
    result = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()

    class Meta:
        ordering = ["started_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "phase"], name="one_result_per_phase")
        ]

    def __str__(self) -> str:
        return f"{self.phase} of {self.run_id}"


class PlanRevision(UUIDModel):
    """A valid plan, never changed: a repaired, edited or new plan is another revision."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="plans")
    revision = models.PositiveIntegerField()
    summary = models.TextField(blank=True)
    digest = models.CharField(max_length=64, help_text="SHA-256 over what the plan does.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["run", "revision"]
        constraints = [
            models.UniqueConstraint(fields=["run", "revision"], name="one_plan_per_revision")
        ]

    def __str__(self) -> str:
        return f"Plan {self.revision} of {self.run_id}"


class PlanStep(models.Model):
    """One item of a plan, and how far it is."""

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
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["plan", "position"]
        constraints = [models.UniqueConstraint(fields=["plan", "key"], name="one_step_per_key")]

    def __str__(self) -> str:
        return f"{self.key}: {self.description}"[:80]


class Approval(UUIDModel):
    """A run's question to a person: may this plan be carried out?"""

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
        max_length=64, blank=True, help_text="Of the plan that was shown; it stands for no other."
    )
    effects = models.JSONField(
        default=list, blank=True, help_text="What each step would change, as it was shown."
    )
    estimate = models.JSONField(
        null=True, blank=True, help_text="low_ms, median_ms, high_ms; null when unknown."
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
            )
        ]

    def __str__(self) -> str:
        return f"{self.status} for {self.run_id}"


class Event(models.Model):
    """One numbered, immutable fact in a session's log. Written by `agent.event_log.log.append` alone."""

    # One index alone for every event, the constraint's: each one more is a page more to write for
    # every event of every session. Queries by run name the session too.
    session = models.ForeignKey(
        ChatSession, on_delete=models.CASCADE, related_name="events", db_index=False
    )
    seq = models.PositiveBigIntegerField()
    run = models.ForeignKey(
        Run, null=True, on_delete=models.CASCADE, related_name="events", db_index=False
    )
    type = models.CharField(max_length=20)
    body = models.TextField(help_text="The frame as it is sent, JSON.")

    class Meta:
        ordering = ["session", "seq"]
        constraints = [models.UniqueConstraint(fields=["session", "seq"], name="one_event_per_seq")]
        indexes = [
            # Each run looks for the latest changes, among thousands of events of other types. SQLite
            # takes it for `type = 'change'` alone, and not for a parameter.
            models.Index(
                fields=["session", "seq"], condition=Q(type="change"), name="event_changes"
            )
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"
