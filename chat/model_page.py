"""The page of the connected model: what it is, how another one is connected, and a try of it."""

from __future__ import annotations

from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from agent.llm import checking
from agent.llm.checking import Finding
from agent.llm.factory import has_server
from agent.runs import waiting


@require_http_methods(["GET", "POST"])
async def model(request: HttpRequest) -> HttpResponseBase:
    """Shows the model; a POST tries it, for the staff: that costs two calls."""
    user = await request.auser()
    if not user.is_authenticated:
        return redirect_to_login(reverse("model"))
    findings: list[Finding] = []
    if request.method == "POST":
        if not user.is_staff:
            raise PermissionDenied("Only the staff may try the model.")
        findings = await checking.check() if has_server() else []
    port = request.get_port()
    is_connected = has_server()
    context = {
        "is_connected": is_connected,
        "name": settings.SAMURAI_MODEL,
        "host": host(),
        "findings": findings,
        "may_try": user.is_staff,
        "found": []
        if is_connected or not user.is_staff
        else await checking.local_servers(int(port) if port.isdecimal() else None),
    }
    return await sync_to_async(_render)(request, user.pk, context)


def _render(request: HttpRequest, user: int, context: dict[str, object]) -> HttpResponse:
    context["waiting"] = waiting.counts([user])[user]
    return render(request, "chat/model.html", context)


def host() -> str:
    """Returns the host of the model's server, without a user name and a password."""
    return urlsplit(settings.OPENAI_BASE_URL).netloc.rpartition("@")[2] or "OpenAI"
