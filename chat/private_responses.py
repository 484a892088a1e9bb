"""What the views respond with is private: nothing between the server and the page may keep it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase

from chat import middleware

HEADER, NOT_STORED = "Cache-Control", "private, no-store"


@middleware.changes
def private_middleware(_: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Has responses kept nowhere, unless their view says otherwise. Static files don't come here."""
    response.headers.setdefault(HEADER, NOT_STORED)
    return response
