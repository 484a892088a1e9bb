"""Runs with their phases, calls of the model, and what was sent into them; the event log."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from agent.models.base import UUIDModel, literals
from agent.models.sessions import ApprovalMode, Batch, ChatSession, Message


class UnfinishedManager(models.Manager["Run"]):
    """The runs that have no end yet, by the index of those."""

    def get_queryset(self) -> models.QuerySet[Run]:
        return super().get_queryset().filter(status__in=literals(*Run.UNFINISHED))


class Run(UUIDModel):
    """One attempt to answer one message."""

    class Status(models.TextChoices):
        QUEUED = "queued"  # accepted; an earlier run of the session is unfinished
        RUNNING = "running"  # claimed by a worker, which is alive until `lease_until`
        WAITING = "waiting"  # waits for a person's approval; no worker holds it
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    UNFINISHED = (Status.QUEUED, Status.RUNNING, Status.WAITING)
    PRUNED = Q(number__lt=F("session__first_run"))  # of a query; of a row, `is_pruned`

    class LeftOpen(models.TextChoices):
        QUESTION = "question"  # the answer asks the person something
        FAILURE = "failure"  # the run failed

    session = models.ForeignKey(ChatSession, on_delete=models.CASCADE, related_name="runs")
    number = models.PositiveIntegerField(
        help_text="1 for the session's first run. Runs execute in this order."
    )
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
        help_text="Counts towards the user's messages per minute. Runs of a batch do not.",
    )
    of_day = models.PositiveIntegerField(
        null=True,
        editable=False,
        help_text="Which of its person's runs of that day it is, from 1.",
    )
    batch = models.ForeignKey(
        Batch,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="runs",
        db_index=False,
        help_text="The batch that the run counts for.",
    )
    given = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="project_context and conversation_history, if the caller passed them",
    )

    # The request that the run came with, for the log, and its trace.
    request_id = models.CharField(max_length=64, blank=True, editable=False)
    traceparent = models.CharField(max_length=55, blank=True, editable=False)

    within_project = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="A program with a token for this project alone has a say in it: it creates no project.",
    )
    replanned = models.BooleanField(
        default=False,
        editable=False,
        help_text="After a failed step, a new plan for the rest was attempted. At most once per run.",
    )

    # The fencing token: incremented by each claim and each cancellation. A worker with an older value
    # can write nothing.
    attempt = models.PositiveIntegerField(default=0, editable=False)
    # Claims since the last finished phase or hand-over. Many claims mean that the run crashes workers.
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
    updates = models.PositiveIntegerField(
        null=True, editable=False, help_text="Events that told of its work, before its end."
    )
    silence_ms = models.PositiveBigIntegerField(
        null=True,
        editable=False,
        help_text="The longest time between two updates, in milliseconds.",
    )
    partial = models.TextField(blank=True, help_text="The beginning of an answer that was cut off.")
    left_open = models.CharField(
        max_length=10,
        choices=LeftOpen.choices,
        blank=True,
        help_text="What the run left for a person to do; empty for nothing, or when it was dismissed.",
    )

    objects = models.Manager["Run"]()
    unfinished = UnfinishedManager()

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
            models.Index(fields=["created_at"], name="run_by_time"),  # the admin's list
            models.Index(
                fields=["created_by"],
                condition=Q(left_open__in=["question", "failure"]),
                name="run_left",
            ),
            models.Index(
                fields=["batch", "status"],
                condition=Q(batch__isnull=False),
                name="run_of_batch",
            ),
        ]

    def __str__(self) -> str:
        return f"Run {self.number} ({self.status})"

    @property
    def is_pruned(self) -> bool:
        """Its events were deleted by `agent.engine.pruning`, as of the time when its session was read."""
        return self.number < self.session.first_run

    @property
    def is_interrupted(self) -> bool:
        """The run's worker is gone, and no other worker has claimed the run yet."""
        leased = self.lease_until is not None and self.lease_until > timezone.now()
        return self.status == self.Status.RUNNING and not leased


class PhaseResult(models.Model):
    """A finished phase and its result. A resumed run reads the result instead of repeating the phase."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="phases")
    phase = models.CharField(max_length=40)
    result = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    # What was estimated when it began, in milliseconds; null without an estimate.
    low_ms = models.PositiveBigIntegerField(null=True, editable=False)
    high_ms = models.PositiveBigIntegerField(null=True, editable=False)
    sub_steps = models.JSONField(default=list, blank=True, help_text="What a reading reported.")

    class Meta:
        ordering = ["started_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "phase"], name="one_result_per_phase")
        ]

    def __str__(self) -> str:
        return f"{self.phase} of {self.run_id}"


class ModelCall(UUIDModel):
    """One request to a model's server: what was sent and what came back.

    Kept for SAMURAI_KEEP_PROMPTS_DAYS. Nothing that a run does depends on it.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="model_calls")
    verb = models.CharField(max_length=20, help_text="analyze, plan, answer, consolidate.")
    model = models.CharField(max_length=200)
    prompt = models.BinaryField(help_text="The turns, as `agent.llm.writing.pack` returns them.")
    text = models.TextField(blank=True)
    thoughts = models.TextField(blank=True, help_text="The reasoning that the server sent.")
    error = models.TextField(blank=True, help_text="Why the call failed; empty if it did not.")
    input_tokens = models.PositiveIntegerField(
        help_text="As the server counts them; 0 if it does not."
    )
    output_tokens = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    first_ms = models.PositiveIntegerField(
        null=True, blank=True, help_text="Until the first word, of the text or the reasoning."
    )
    duration_ms = models.PositiveIntegerField()

    class Meta:
        ordering = ["started_at", "id"]
        indexes = [models.Index(fields=["started_at"], name="model_call_by_time")]

    def __str__(self) -> str:
        return f"{self.verb} of {self.run_id}"


class Steering(models.Model):
    """A message that was sent into a run. It ends as applied or as the next message, as one of both.

    Written only by `agent.runs.steering` and `agent.runs.steering_rows`.
    """

    class Status(models.TextChoices):
        TAKEN = "taken"  # the run is planned anew with it at the next step boundary
        APPLIED = "applied"  # the plan was made with it
        NEXT = "next"  # it had no effect in the run and has a run of its own

    message = models.OneToOneField(
        Message, primary_key=True, on_delete=models.CASCADE, related_name="steering"
    )
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steering", db_index=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.TAKEN)
    plan_revision = models.PositiveIntegerField(
        null=True, blank=True, help_text="Of the plan that was made with it."
    )

    class Meta:
        ordering = ["message__created_at", "message"]
        indexes = [models.Index(fields=["run", "status"], name="steering_of_run")]

    def __str__(self) -> str:
        return f"{self.status}: {self.message}"


class Draft(models.Model):
    """What the model writes for a run now, before it is validated: state that is overwritten, no event.

    Written only by `agent.runs.drafts`.
    """

    run = models.OneToOneField(Run, primary_key=True, on_delete=models.CASCADE)
    attempt = models.PositiveIntegerField()
    seq = models.PositiveBigIntegerField(help_text="The last event of the session by then.")
    written_ms = models.PositiveBigIntegerField(help_text="Milliseconds since 1970.")
    body = models.TextField(help_text="The fields of the frame, as JSON.")

    def __str__(self) -> str:
        return f"Draft of {self.run_id}"


class Event(models.Model):
    """One numbered, immutable event of a session. Written only by `agent.event_log.log.append`."""

    # Without indexes of the foreign keys: each index costs a page write per event. The constraint's
    # index serves all queries, since queries by run also name the session. Events go with their session:
    # with each run alone, all events would be read.
    session = models.ForeignKey(
        ChatSession, on_delete=models.CASCADE, related_name="events", db_index=False
    )
    seq = models.PositiveBigIntegerField()
    run = models.ForeignKey(
        Run,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="events",
        db_index=False,
        db_constraint=False,
    )
    type = models.CharField(max_length=20)
    body = models.TextField(help_text="The frame as sent to clients, as JSON.")

    class Meta:
        ordering = ["session", "seq"]
        constraints = [models.UniqueConstraint(fields=["session", "seq"], name="one_event_per_seq")]
        indexes = [
            # Each run reads the latest changes among thousands of other events. SQLite uses this index
            # only for the literal `type = 'change'`, not for a parameter.
            models.Index(
                fields=["session", "seq"], condition=Q(type="change"), name="event_changes"
            ),
            # A run has a few of these, of which the first and the last are near its ends.
            models.Index(fields=["run", "seq"], condition=Q(type="run"), name="event_run_states"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"
