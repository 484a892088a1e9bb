"""The appearance that a person has chosen for a browser: light, dark, or that of the system.

A cookie keeps it, so that the first paint of each page has it.
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from chat.page_context import page_before

COOKIE = "samurai_theme"
MAX_AGE = 400 * 24 * 60 * 60  # seconds: browsers keep no cookie for longer
THEMES = {"": "System", "light": "Light", "dark": "Dark"}


def theme(request: HttpRequest) -> dict[str, object]:
    """A context processor: `theme` is "" for that of the system."""
    chosen = request.COOKIES.get(COOKIE, "")
    return {"theme": chosen if chosen in THEMES else "", "themes": THEMES}


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    chosen = request.POST.get("theme", "")
    response = redirect(page_before(request))
    path = settings.SESSION_COOKIE_PATH
    if not chosen or chosen not in THEMES:
        response.delete_cookie(COOKIE, path=path)
        return response
    response.set_cookie(
        COOKIE,
        chosen,
        max_age=MAX_AGE,
        path=path,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response
