"""What every operation of the API shares: who asks, how it is read, how it fails."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from uuid import UUID

from asgiref.sync import async_to_sync
from django.db import close_old_connections
from django.http import HttpResponseBase
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agent.edits import manual_changes
from agent.models.projects import Role
from chat import access
from chat.api.authentication import user_of
from chat.api.pages import Pages

T = TypeVar("T")


class ApiView(APIView):
    """One address of the API."""

    def handle_exception(self, exc: Exception) -> Response:
        # Whatever was asked for: an error is JSON.
        self.request.accepted_renderer = JSONRenderer()
        self.request.accepted_media_type = JSONRenderer.media_type
        return super().handle_exception(exc)

    def read(self, serializer: type[serializers.Serializer[Any]], **how: Any) -> dict[str, Any]:
        """Returns what the body says. Raises `ValidationError`."""
        return _valid(serializer(data=self.request.data, **how))

    def query(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """Returns what the query string says. Raises `ValidationError`."""
        return _valid(serializer(data=self.request.query_params.dict()))

    def show(self, serializer: type[serializers.BaseSerializer[Any]], row: Any) -> dict[str, Any]:
        shown: dict[str, Any] = serializer(row, context={"request": self.request}).data
        return shown

    def page(
        self, rows: Any, serializer: type[serializers.BaseSerializer[Any]], order: str
    ) -> Response:
        """Returns the page of `rows` that the query asks for."""
        pages = Pages(order)
        found = pages.paginate_queryset(rows, self.request, self)
        shown = serializer(found, many=True, context={"request": self.request}).data
        return pages.get_paginated_response(shown)


class EditView(ApiView):
    """Changes tasks or memories, as a person and not as a run."""

    def carry_out(self, project: UUID, work: manual_changes.Work[T]) -> T:
        """Does `work`, and tells it in the log of the session that the query names, if any."""
        named = self.query(InSession).get("session")
        if named is None:
            return manual_changes.apply_to_project(project, work)
        user = user_of(self.request)
        session = access.get_session(user, named, Role.EDITOR)
        if session.project_id != project:
            raise ValidationError({"session": ["It is one of another project."]})
        value: T = on_loop(manual_changes.apply_in_session, session.pk, user, work)
        return value


class InSession(serializers.Serializer[None]):
    session = serializers.UUIDField(
        required=False, help_text="The session in whose log the change is told."
    )


class PageQuery(serializers.Serializer[None]):
    cursor = serializers.CharField(required=False, help_text="From `next` or `previous`.")
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=Pages.max_page_size, default=Pages.page_size
    )


def _valid(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    found: dict[str, Any] = serializer.validated_data
    return found


def on_loop(work: Callable[..., Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> T:
    """Calls `work` on the event loop that serves, where the log and the feed live."""
    return async_to_sync(work)(*args, **kwargs)


def let_go(response: HttpResponseBase) -> HttpResponseBase:
    """Gives this thread's connection back before a long response: of those, there are few."""
    close_old_connections()
    return response


class NoSuchPage(ApiView):
    """Every other address under `/api/`."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound("There is nothing at this address.")
