"""The API's representation of each object but tasks and runs. Those of inputs are beside their views."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from agent.accounts.access import role_in
from agent.models import (
    ApiToken,
    ChatSession,
    Feedback,
    Invitation,
    Membership,
    Memory,
    MemoryRevision,
    Project,
    SharedLink,
)
from agent.models.projects import Role
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
        fields = (
            "id",
            "name",
            "prefix",
            "scope",
            "project",
            "created_at",
            "expires_at",
            "last_used_at",
        )


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
    project = serializers.UUIDField(
        allow_null=True, help_text="The only project that the token opens; null for all of yours."
    )


class FoundSerializer(Plain):
    kind = serializers.ChoiceField(["project", "session", "task", "memory", "message"])
    id = serializers.UUIDField()
    title = serializers.CharField(help_text="Of a message: the title of its session.")
    excerpt = serializers.CharField(help_text="The text around the first word. May be empty.")
    project = serializers.CharField(help_text="The name of its project.")
    url = serializers.CharField(help_text="The path of the page that shows it.")


class SearchSerializer(Plain):
    results = FoundSerializer(many=True)
