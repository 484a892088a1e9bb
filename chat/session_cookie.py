"""The cookie of a login, which only a sign-out takes away."""

from __future__ import annotations

from django.contrib.sessions import middleware
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers


class SessionMiddleware(middleware.SessionMiddleware):
    """Leaves the cookie of a login that is gone, unless this request has ended it.

    A page that stays open asks with the cookie it was opened with. Its response may arrive after somebody
    has signed in within another tab: a response that deletes the cookie would sign that person out.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if request.session.is_empty() and not request.session.modified:
            if request.session.accessed:
                patch_vary_headers(response, ("Cookie",))
            return response
        return super().process_response(request, response)
