"""For whom a page was made. Another person may sign in with the same browser while the page is open:
then nothing that the page still asks for is done, because it would be done in that person's name.

A page sends the id of its user with each request, in the header `X-Page-User`, or in the query as
`page_user` where a browser sends no headers: with forms, sockets and event streams.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from chat.error_pages import OTHER_USER, respond

PARAMETER, HEADER = "page_user", "X-Page-User"


def is_other(page_user: str | None, signed_in: int | str | None) -> bool:
    """Tells whether the page was made for another user than the one who is signed in now.

    It is not if one of them is unknown: a program names no page, and the view tells who is signed out.
    """
    return page_user is not None and signed_in is not None and page_user != str(signed_in)


@sync_and_async_middleware
def page_user_middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[..., Any]:
    """Refuses the requests of pages that were made for another user."""

    if iscoroutinefunction(get_response):

        async def async_middleware(request: HttpRequest) -> HttpResponseBase:
            page_user = _page_user(request)
            if page_user is not None and is_other(
                page_user, await request.session.aget(SESSION_KEY)
            ):
                return _refusal(request)
            response: HttpResponseBase = await get_response(request)
            return response

        return async_middleware

    def middleware(request: HttpRequest) -> HttpResponseBase:
        page_user = _page_user(request)
        if page_user is not None and is_other(page_user, request.session.get(SESSION_KEY)):
            return _refusal(request)
        response: HttpResponseBase = get_response(request)
        return response

    return middleware


def _page_user(request: HttpRequest) -> str | None:
    return request.headers.get(HEADER, request.GET.get(PARAMETER))


def _refusal(request: HttpRequest) -> HttpResponseBase:
    """The header tells a script, whatever it accepts."""
    response = respond(request, OTHER_USER)
    response[HEADER] = "other"
    return response
