"""Signing in by password, or by the one-time link whose token `agent.accounts.sign_in` makes and redeems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from allauth.account.internal.flows.login import perform_login
from allauth.account.mixins import NextRedirectMixin
from allauth.account.models import Login
from allauth.core.internal import ratelimit
from allauth.decorators import rate_limit
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django.views.generic.edit import FormView

from agent.accounts.audit import Deed, record
from agent.accounts.sign_in import redeem, user_of_token
from chat.accounts.forms import SignInForm

if TYPE_CHECKING:
    FormOfSignIn = FormView[SignInForm]
else:
    FormOfSignIn = FormView

LINK_IS_OVER = (
    "This sign-in link has been used or has expired. "
    "Run `manage.py setup` on the server to get a new one, or sign in with your password."
)


@method_decorator(rate_limit(action="login"), name="dispatch")
@method_decorator(sensitive_post_parameters("password"), name="dispatch")
class SignInView(NextRedirectMixin, FormOfSignIn):
    """Leads on who is signed in. A form that is sent signs in its user, whoever is signed in.

    Not allauth's view, whose module imports those of all other pages.
    """

    form_class = SignInForm
    template_name = "account/login.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            return redirect(self.get_next_url() or "home")
        return super().get(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def form_valid(self, form: SignInForm) -> HttpResponse:
        _sign_out_another(self.request, form.user)
        return cast(HttpResponse, form.login(self.request, redirect_url=self.get_next_url()))

    def form_invalid(self, form: SignInForm) -> HttpResponse:
        response = super().form_invalid(form)
        if form.has_error("__all__", "too_many_login_attempts"):
            response.status_code = 429
            response["Retry-After"] = "300"  # as `AccountAdapter` says it
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), **doors()}


# Of users who may sign in with one. Else only a sign-in link helps.
_passwords = User.objects.filter(is_active=True).exclude(
    password__startswith=UNUSABLE_PASSWORD_PREFIX
)


def doors() -> dict[str, Any]:
    """Returns the ways to sign in beside the password, for the sign-in page."""
    return {
        "provider": settings.SAMURAI_OIDC_NAME if settings.SAMURAI_OIDC_URL else "",
        "can_sign_up": settings.SAMURAI_SIGN_UP == "open",
        "can_reset": bool(settings.EMAIL_HOST),
        "has_no_password": not _passwords.exists(),
    }


@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_by_link(request: HttpRequest, token: str) -> HttpResponse:
    """Shows a button, and signs in when it is pressed: programs that preview a link only look at the page.

    An address may be wrong ten times a minute.
    """
    attempt = ratelimit.consume(
        request, app="allauth.account", action="link_failed", limit_get=True
    )
    if attempt is None:
        return cast(HttpResponse, ratelimit.respond_429(request))
    user = redeem(token) if request.method == "POST" else user_of_token(token)
    if user is None:
        record(Deed.SIGN_IN_FAILED, by=None)
        context = {"form": SignInForm(request=request), "notice": LINK_IS_OVER, **doors()}
        return render(request, "account/login.html", context, status=403)
    attempt.rollback()
    if request.method != "POST":
        return render(request, "account/link.html", {"person": user})
    _sign_out_another(request, user)
    return cast(
        HttpResponse, perform_login(request, Login(user=user, redirect_url=reverse("home")))
    )


def _sign_out_another(request: HttpRequest, user: User) -> None:
    if request.user.is_authenticated and request.user != user:
        logout(request)
