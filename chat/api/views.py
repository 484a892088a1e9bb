"""The base classes of the API's views: reading input, pagination, changes by users."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from asgiref.sync import async_to_sync
from django.conf import settings
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
from chat import access, page_user, request_slots
from chat.api.authentication import user_of
from chat.api.errors import TooMany
from chat.api.pages import Pages

T = TypeVar("T")


def location(kind: str, id: object) -> str:
    """Returns the path of an object, for the header `Location`."""
    return f"{settings.SITE_PATH}/api/{kind}/{id}/"


class ApiView(APIView):
    """A view of the API. Its errors are always JSON."""

    def perform_authentication(self, request: Request) -> None:
        """Counts the request, too. REST framework would count only those that are permitted."""
        try:
            super().perform_authentication(request)
        finally:
            super().check_throttles(request)

    def check_throttles(self, request: Request) -> None:
        """Does nothing: the request is counted already."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        method = getattr(self, str(request.method).lower(), None)  # none: refused by `dispatch`
        known = getattr(method, "query_fields", request.query_params)
        # A filter with a misspelt name would otherwise return all rows, as if they matched.
        unknown = set(request.query_params) - set(known) - {page_user.PARAMETER}
        if unknown:
            raise ValidationError({name: ["Unknown field."] for name in sorted(unknown)})

    def throttled(self, request: Request, wait: float) -> NoReturn:
        raise TooMany(wait)

    def handle_exception(self, exc: Exception) -> Response:
        self.request.accepted_renderer = JSONRenderer()
        self.request.accepted_media_type = JSONRenderer.media_type
        return super().handle_exception(exc)

    def read(self, serializer: type[serializers.Serializer[Any]], **options: Any) -> dict[str, Any]:
        """Returns the validated body. Raises `ValidationError`."""
        return _valid(serializer(data=self.request.data, **options))

    def query(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """Returns the validated query string. Raises `ValidationError`."""
        return _valid(serializer(data=self.request.query_params.dict()))

    def show(self, serializer: type[serializers.BaseSerializer[Any]], row: Any) -> dict[str, Any]:
        shown: dict[str, Any] = serializer(row, context={"request": self.request}).data
        return shown

    def page(
        self, rows: Any, serializer: type[serializers.BaseSerializer[Any]], order: str
    ) -> Response:
        """Returns the requested page of `rows`."""
        pages = Pages(order)
        page = pages.paginate_queryset(rows, self.request, self)
        shown = serializer(page, many=True, context={"request": self.request}).data
        return pages.get_paginated_response(shown)


class EditView(ApiView):
    """A view in which users change tasks or memories, outside of a run."""

    def apply(self, project: UUID, work: manual_changes.Work[T]) -> T:
        """Calls `work`. If the query names a session, the changes are events of its log."""
        named, user = self.query(InSession).get("session"), user_of(self.request)
        if named is None:
            return manual_changes.apply_to_project(project, work, by=user)
        session = access.get_session(user, named, Role.EDITOR)
        if session.project_id != project:
            raise ValidationError({"session": ["The session belongs to another project."]})
        value: T = on_loop(manual_changes.apply_in_session, session.pk, user, work)
        return value


class InSession(serializers.Serializer[None]):
    session = serializers.UUIDField(
        required=False, help_text="The session whose event log records the change."
    )


class PageQuery(serializers.Serializer[None]):
    cursor = serializers.CharField(required=False, help_text="From `next` or `previous`.")
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=Pages.max_page_size, default=Pages.page_size
    )


def _valid(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = serializer.validated_data
    return data


def on_loop(work: Callable[..., Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> T:
    """Calls `work` on the server's event loop, which the event log and the feed belong to."""
    return async_to_sync(work)(*args, **kwargs)


def let_go(response: HttpResponseBase, *, keeps_thread: bool = False) -> HttpResponseBase:
    """Lets go of the thread's connection to a pool, and of the request's slot, before a long response.

    `keeps_thread`: the synchronous middleware waits for the response.
    """
    close_old_connections()
    request_slots.leave(keeps_thread=keeps_thread)
    return response


class NoSuchPage(ApiView):
    """Any other URL under `/api/`."""

    schema = None
    authentication_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.perform_authentication(request)
        raise NotFound("Not found.")
