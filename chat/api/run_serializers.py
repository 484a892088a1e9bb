"""The API's representation of a run: its messages, its plan with steps, its approvals and times."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agent.models import Approval, Message, PhaseResult, PlanRevision, PlanStep, Run, Steering
from agent.runs import ending
from agent.support.markdown import render
from chat.api.serializers import Model, username


class MessageSerializer(Model):
    author = username(source="author.username", default=None, allow_null=True)
    html = serializers.SerializerMethodField()

    class Meta:
        model = Message
        fields = ("id", "role", "author", "content", "html", "client_id", "created_at")
        extra_kwargs = {"client_id": {"read_only": True}}

    def get_html(self, message: Message) -> str | None:
        """The answer as sanitized HTML; null for messages of users."""
        if message.role != Message.Author.AGENT:
            return None
        return render(message.content, str(message.pk))


class SteeringSerializer(Model):
    """A message that was sent into the run."""

    id = serializers.UUIDField(source="message_id")
    author = username(source="message.author.username", default=None, allow_null=True)
    content = serializers.CharField(source="message.content")

    class Meta:
        model = Steering
        fields = ("id", "author", "content", "status", "plan_revision")


class StepSerializer(Model):
    id = serializers.CharField(source="key")
    tool = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    arguments = serializers.DictField()
    depends_on = serializers.ListField(child=serializers.CharField())
    result = serializers.JSONField(
        read_only=True, help_text="Of any type; null when there is none."
    )
    sub_steps = serializers.ListField(
        child=serializers.DictField(),
        help_text="What its tool reported, and the pauses before it was called again: step, message, "
        "details, times.",
    )

    class Meta:
        model = PlanStep
        fields = (
            "id",
            "type",
            "tool",
            "description",
            "arguments",
            "depends_on",
            "status",
            "started_at",
            "finished_at",
            "result",
            "error",
            "sub_steps",
        )

    def get_tool(self, step: PlanStep) -> str | None:
        return step.tool or None

    def get_error(self, step: PlanStep) -> str | None:
        return step.error or None


class PlanSerializer(Model):
    steps = StepSerializer(many=True)
    assumptions = serializers.ListField(
        child=serializers.DictField(), help_text="As in a `plan` event."
    )
    questions = serializers.ListField(
        child=serializers.DictField(), help_text="As in a `plan` event."
    )

    class Meta:
        model = PlanRevision
        fields = ("id", "revision", "summary", "assumptions", "questions", "steps", "created_at")


class ApprovalSerializer(Model):
    plan_revision = serializers.IntegerField(source="plan.revision")
    by = username(source="decided_by.username", default=None, allow_null=True)
    effects = serializers.ListField(child=serializers.DictField())
    comments = serializers.ListField(
        child=serializers.DictField(child=serializers.CharField()),
        help_text="Of a rejection, on steps: step, text.",
    )
    estimate = serializers.DictField(allow_null=True)

    class Meta:
        model = Approval
        fields = (
            "id",
            "status",
            "plan_revision",
            "reason",
            "by",
            "effects",
            "comments",
            "estimate",
            "requested_at",
            "expires_at",
            "decided_at",
        )


class TimingSerializer(Model):
    class Meta:
        model = PhaseResult
        fields = ("phase", "started_at", "duration_ms")


class RunSerializer(Model):
    message = MessageSerializer()
    answer = MessageSerializer(allow_null=True)
    created_by = username(source="created_by.username", default=None, allow_null=True)
    is_interrupted = serializers.BooleanField(
        help_text="Its process died, and no other has taken over yet."
    )
    usage = serializers.DictField(child=serializers.IntegerField())
    code = serializers.CharField(source="error_code")
    duration_ms = serializers.SerializerMethodField()
    plan = serializers.SerializerMethodField()
    approvals = ApprovalSerializer(many=True)
    steering = SteeringSerializer(many=True, help_text="The messages that were sent into the run.")
    timings = TimingSerializer(source="phases", many=True)

    # Related rows that are fetched together with the runs, so that a list takes few queries.
    JOINED = ("message__author", "answer", "created_by", "session")
    FETCHED = (
        "plans__steps",
        "approvals__plan",
        "approvals__decided_by",
        "steering__message__author",
        "phases",
    )

    class Meta:
        model = Run
        fields = (
            "id",
            "session",
            "number",
            "status",
            "is_interrupted",
            "approval",
            "task",
            "retry_of",
            "message",
            "answer",
            "plan",
            "approvals",
            "steering",
            "timings",
            "usage",
            "model",
            "error",
            "code",
            "retryable",
            "partial",
            "created_by",
            "created_at",
            "started_at",
            "finished_at",
            "duration_ms",
        )

    def get_duration_ms(self, run: Run) -> int | None:
        """How long the run worked, without its waits for approval."""
        return ending.duration_ms(run) if run.started_at and run.finished_at else None

    @extend_schema_field(PlanSerializer(allow_null=True))
    def get_plan(self, run: Run) -> dict[str, Any] | None:
        """The latest revision."""
        latest = max(run.plans.all(), key=lambda plan: plan.revision, default=None)
        return None if latest is None else PlanSerializer(latest).data
