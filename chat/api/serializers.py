"""The API's representation of each object. Serializers of inputs are beside their views."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agent.accounts.access import role_in
from agent.models import (
    ApiToken,
    Approval,
    ChatSession,
    Feedback,
    Invitation,
    Membership,
    Memory,
    MemoryRevision,
    Message,
    PhaseResult,
    PlanRevision,
    PlanStep,
    Project,
    Run,
    SharedLink,
    Steering,
)
from agent.models.projects import Role
from agent.runs import ending
from agent.support.markdown import render
from agent.tools.registry import EffectKind, Tool

if TYPE_CHECKING:
    Model = serializers.ModelSerializer[Any]
    Plain = serializers.Serializer[Any]
else:
    Model = serializers.ModelSerializer
    Plain = serializers.Serializer


def username(**kwargs: Any) -> serializers.CharField:
    return serializers.CharField(read_only=True, **kwargs)


class ProjectSerializer(Model):
    owner = username(source="owner.username")
    role = serializers.SerializerMethodField()

    class Meta:
        model = Project
        fields = ("id", "name", "description", "owner", "role", "board_version", "created_at")

    def get_role(self, project: Project) -> Role | None:
        """Your role in the project."""
        return role_in(self.context["request"].user, project)


class MemberSerializer(Model):
    user = username(source="user.username")

    class Meta:
        model = Membership
        fields = ("user", "role", "created_at")


class InvitationSerializer(Model):
    user = serializers.CharField(source="username", help_text="The user name, as it was given.")
    project_name = serializers.CharField(source="project.name")
    invited_by = username(source="invited_by.username")

    class Meta:
        model = Invitation
        fields = ("id", "user", "role", "project", "project_name", "invited_by", "created_at")


class SessionSerializer(Model):
    created_by = username(source="created_by.username", default=None, allow_null=True)

    class Meta:
        model = ChatSession
        fields = (
            "id",
            "project",
            "title",
            "approval",
            "task",
            "created_by",
            "last_seq",
            "created_at",
            "updated_at",
        )


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


class MemorySerializer(Model):
    class Meta:
        model = Memory
        fields = (
            "id",
            "project",
            "title",
            "content",
            "kind",
            "category",
            "source_message",
            "created_at",
            "updated_at",
        )


class RevisionSerializer(Model):
    by = username(source="by.username", default=None, allow_null=True)

    class Meta:
        model = MemoryRevision
        fields = (
            "number",
            "action",
            "title",
            "content",
            "kind",
            "category",
            "run",
            "by",
            "created_at",
        )


class FeedbackSerializer(Model):
    class Meta:
        model = Feedback
        fields = ("id", "run", "target", "value", "comment", "created_at")


class ToolSerializer(Plain):
    name = serializers.CharField()
    description = serializers.CharField()
    summary = serializers.CharField(help_text="The first sentence of the description.")
    package = serializers.CharField(help_text="The Python package that it comes from.")
    effect = serializers.ChoiceField(
        [str(kind) for kind in EffectKind], help_text="What its calls do."
    )
    destructive = serializers.BooleanField()
    outgoing = serializers.BooleanField()
    timeout = serializers.FloatField(help_text="Seconds per attempt.")
    retries = serializers.IntegerField(help_text="Further attempts after an unexpected error.")
    idempotent = serializers.BooleanField(
        help_text="It may be called again after a crash, with the same key."
    )
    arguments = serializers.DictField(source="spec.parameters", help_text="A JSON schema.")
    result = serializers.DictField(source="spec.result", help_text="A JSON schema.")


class ProjectToolSerializer(ToolSerializer):
    enabled = serializers.BooleanField(help_text="Whether plans of the project may use it.")


def project_tool(tool: Tool, off: Collection[str]) -> dict[str, Any]:
    """Returns what `ProjectToolSerializer` shows. `off`: the tools that are switched off."""
    return {**ToolSerializer(tool).data, "spec": tool.spec, "enabled": tool.name not in off}


class TokenSerializer(Model):
    class Meta:
        model = ApiToken
        fields = ("id", "name", "prefix", "scope", "created_at", "expires_at", "last_used_at")


class NewTokenSerializer(TokenSerializer):
    key = serializers.CharField(
        allow_null=True, help_text="Shown only once; null when the request is repeated."
    )

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "key")  # type: ignore[assignment]


class SharedLinkSerializer(Model):
    created_by = username(source="created_by.username")

    class Meta:
        model = SharedLink
        fields = (
            "id",
            "session",
            "run",
            "shows_tasks",
            "shows_memories",
            "created_by",
            "created_at",
            "expires_at",
        )


class NewSharedLinkSerializer(SharedLinkSerializer):
    url = serializers.CharField(
        allow_null=True,
        help_text="The link with its secret. Shown only once; null when the request is repeated.",
    )

    class Meta(SharedLinkSerializer.Meta):
        fields = (*SharedLinkSerializer.Meta.fields, "url")  # type: ignore[assignment]


class MeSerializer(Plain):
    id = serializers.IntegerField()
    username = serializers.CharField()
    scope = serializers.ChoiceField(ApiToken.Scope.choices)


class FoundSerializer(Plain):
    kind = serializers.ChoiceField(["project", "session", "task", "memory", "message"])
    id = serializers.UUIDField()
    title = serializers.CharField(help_text="Of a message: the title of its session.")
    excerpt = serializers.CharField(help_text="The text around the first word. May be empty.")
    project = serializers.CharField(help_text="The name of its project.")
    url = serializers.CharField(help_text="The path of the page that shows it.")


class SearchSerializer(Plain):
    results = FoundSerializer(many=True)
