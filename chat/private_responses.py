"""What the views respond with is private: nothing between the server and the page may keep it."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

HEADER, NOT_STORED = "Cache-Control", "private, no-store"


@sync_and_async_middleware
def private_middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[..., Any]:
    """Has responses kept nowhere, unless their view says otherwise. Static files don't come here."""
    if iscoroutinefunction(get_response):

        async def async_middleware(request: HttpRequest) -> HttpResponseBase:
            response: HttpResponseBase = await get_response(request)
            response.headers.setdefault(HEADER, NOT_STORED)
            return response

        return async_middleware

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = get_response(request)
        response.headers.setdefault(HEADER, NOT_STORED)
        return response

    return middleware
