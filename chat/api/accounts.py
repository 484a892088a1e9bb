"""The current user, their access tokens, and the agent's tools."""

from __future__ import annotations

from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agent.accounts.access import only_project
from agent.accounts.tokens import MAX_DAYS, create_token, revoke
from agent.models import ApiToken
from agent.tools import registry
from chat import access
from chat.api.authentication import may_write, user_of
from chat.api.idempotency import once
from chat.api.schema import operation
from chat.api.serializers import (
    MeSerializer,
    NewTokenSerializer,
    TokenSerializer,
    ToolSerializer,
)
from chat.api.text_fields import TextField
from chat.api.views import ApiView, PageQuery, location


class Me(ApiView):
    @operation(MeSerializer)
    def get(self, request: Request) -> Response:
        """Returns the current user, the scope of the request, and the project if its token is for one."""
        user = user_of(request)
        scope = ApiToken.Scope.WRITE if may_write(request) else ApiToken.Scope.READ
        shown = {"id": user.pk, "username": user.get_username(), "scope": scope}
        shown["project"] = only_project(user)
        return Response(self.show(MeSerializer, shown))


class Tools(ApiView):
    @operation(ToolSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Lists the tools that plans can use."""
        return Response(ToolSerializer(list(registry.all_tools()), many=True).data)


class TokenInput(serializers.Serializer[ApiToken]):
    name = TextField(max_length=100, allow_blank=True, default="")
    scope = serializers.ChoiceField(ApiToken.Scope.choices, default=ApiToken.Scope.WRITE)
    days = serializers.IntegerField(
        min_value=1,
        max_value=MAX_DAYS,
        allow_null=True,
        default=None,
        help_text="After so many days it expires; null for never. A token that a token creates expires "
        "with it at the latest.",
    )
    project = serializers.UUIDField(
        allow_null=True,
        default=None,
        help_text="The only project that it opens; null for all of yours. Such a token lists and creates no "
        "tokens, projects and invitations.",
    )


class Tokens(ApiView):
    @operation(TokenSerializer, query=PageQuery, many=True)
    def get(self, request: Request) -> Response:
        """Lists your active tokens."""
        self.query(PageQuery)
        rows = access.tokens(user_of(request))
        return self.page(rows, TokenSerializer, "-created_at")

    @operation({201: NewTokenSerializer}, body=TokenInput, once=True)
    @once("key")
    def post(self, request: Request) -> Response:
        """Creates a token. Its key is only in this response: the server keeps a digest."""
        user, given = user_of(request), self.read(TokenInput)
        access.require_all_projects(user)
        if given["project"] is not None:
            given["project"] = access.get_project(user, given["project"])
        by = request.auth if isinstance(request.auth, ApiToken) else None
        token, key = create_token(user, **given, by=by)
        token.key = key  # type: ignore[attr-defined]  # for this response
        shown = self.show(NewTokenSerializer, token)
        return Response(shown, 201, headers={"Location": location("tokens", token.pk)})


class TokenDetail(ApiView):
    @operation(TokenSerializer)
    def get(self, request: Request, token_id: UUID) -> Response:
        """Returns one of your active tokens, without its key."""
        return Response(self.show(TokenSerializer, self._token(token_id)))

    @operation()
    def delete(self, request: Request, token_id: UUID) -> Response:
        """Revokes the token; its open connections close within about a second."""
        revoke(ApiToken.objects.filter(pk=self._token(token_id).pk), by=user_of(request))
        return Response(status=204)

    def _token(self, token_id: UUID) -> ApiToken:
        return access.get_token(user_of(self.request), token_id)
