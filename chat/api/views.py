"""What every operation of the API shares: who asks, how it is read, how it fails."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from asgiref.sync import async_to_sync
from django.db import close_old_connections
from django.http import HttpResponseBase
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

T = TypeVar("T")


class ApiView(APIView):
    """One address of the API."""

    def handle_exception(self, exc: Exception) -> Response:
        # Whatever was asked for: an error is JSON.
        self.request.accepted_renderer = JSONRenderer()
        self.request.accepted_media_type = JSONRenderer.media_type
        return super().handle_exception(exc)

    def read(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """Returns what the body says. Raises `ValidationError`."""
        return _valid(serializer(data=self.request.data))

    def query(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """Returns what the query string says. Raises `ValidationError`."""
        return _valid(serializer(data=self.request.query_params.dict()))


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
