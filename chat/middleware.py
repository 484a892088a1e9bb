"""Makes middleware of one function, for synchronous and asynchronous handlers. No middleware itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from inspect import iscoroutinefunction
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

Handler = Callable[[HttpRequest], Any]
Middleware = Callable[[Handler], Handler]


def refuses(refusal: Callable[[HttpRequest], HttpResponseBase | None]) -> Middleware:
    """`refusal` returns the response to a request that goes no further, or None. It is called in a thread."""

    @sync_and_async_middleware
    def middleware(get_response: Handler) -> Handler:
        async def asynchronous(request: HttpRequest) -> Any:
            return await sync_to_async(refusal)(request) or await get_response(request)

        def synchronous(request: HttpRequest) -> Any:
            return refusal(request) or get_response(request)

        return asynchronous if iscoroutinefunction(get_response) else synchronous

    return middleware


def changes(change: Callable[[HttpRequest, HttpResponseBase], HttpResponseBase]) -> Middleware:
    """`change` returns the response in place of another one."""

    @sync_and_async_middleware
    def middleware(get_response: Handler) -> Handler:
        async def asynchronous(request: HttpRequest) -> HttpResponseBase:
            return change(request, await get_response(request))

        def synchronous(request: HttpRequest) -> HttpResponseBase:
            return change(request, get_response(request))

        return asynchronous if iscoroutinefunction(get_response) else synchronous

    return middleware


def surrounds(context: Callable[[HttpRequest], AbstractContextManager[None]]) -> Middleware:
    """`context` is entered for each request until its response begins."""

    @sync_and_async_middleware
    def middleware(get_response: Handler) -> Handler:
        async def asynchronous(request: HttpRequest) -> Any:
            with context(request):
                return await get_response(request)

        def synchronous(request: HttpRequest) -> Any:
            with context(request):
                return get_response(request)

        return asynchronous if iscoroutinefunction(get_response) else synchronous

    return middleware
