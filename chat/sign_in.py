"""Signing in by password, or by the one-time link whose token `agent.accounts.sign_in` makes and redeems."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import login
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from agent.accounts.sign_in import redeem

LINK_IS_OVER = (
    "This sign-in link has been used or has expired. "
    "Run `manage.py setup` on the server to get a new one, or sign in with your password."
)


class SignInView(LoginView):
    template_name = "chat/sign_in.html"
    extra_context = {"notice": ""}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Leads on who is signed in. A form that is sent signs in its user, whoever is signed in."""
        self.redirect_authenticated_user = request.method != "POST"
        return super().dispatch(request, *args, **kwargs)


# Only GET: a program that asks for the headers first must not use the link up.
@require_GET
def sign_in_by_link(request: HttpRequest, token: str) -> HttpResponse:
    user = redeem(token)
    if user is None:
        context = {"form": AuthenticationForm(request), "notice": LINK_IS_OVER}
        return render(request, "chat/sign_in.html", context, status=403)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return redirect("home")
