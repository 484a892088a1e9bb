"""Signing in with an OpenID Connect provider, and connecting an account with it."""

from __future__ import annotations

import logging
from typing import Any, cast

from allauth.account.models import EmailAddress
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.forms import SignupForm
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.openid_connect.views import login
from allauth.socialaccount.views import ConnectionsView
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST
from requests import RequestException

from chat.accounts.forms import Labelled

logger = logging.getLogger(__name__)


class ProviderSignUpForm(Labelled, SignupForm):
    pass


class ProviderAdapter(DefaultSocialAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return settings.SAMURAI_SIGN_UP in ("provider", "open")

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[Any, str] | None:
        """Returns the user with an address that the provider has verified, and that address.

        Not if the address is one that a user has typed here and never confirmed: it may be another's.
        """
        found = super().authenticate_by_email(sociallogin)
        if found is None:
            return None
        user, address = found
        typed = EmailAddress.objects.filter(user=user, email__iexact=address, verified=False)
        return None if typed.exists() else (user, address)

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: SocialAccount) -> str:
        return reverse("account")


@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """Leads to the provider by a page: the policy lets a form lead to no other site, and a link may."""
    try:
        response = cast(HttpResponse, login(request, settings.PROVIDER_ID))
    except RequestException as error:
        logger.error("The sign-in provider cannot be reached: %s", type(error).__name__)
        return render(request, "socialaccount/authentication_error.html", _names(), status=502)
    if "Location" not in response:
        return response
    context = {**_names(), "address": response["Location"]}
    return render(request, "socialaccount/continue.html", context)


def cancelled(request: HttpRequest) -> HttpResponse:
    return redirect("sign-in")


class Disconnect(ConnectionsView):
    """Takes a form only: the account page shows what is connected."""

    http_method_names = ["post"]

    def get_form_kwargs(self) -> dict[str, Any]:
        account = SocialAccount.objects.filter(user=self.request.user).first()
        kwargs: dict[str, Any] = super().get_form_kwargs()
        return {**kwargs, "data": {"account": account and account.pk}}

    def form_invalid(self, form: Any) -> HttpResponse:
        return redirect(f"{reverse('account')}?done=no-password")

    def get_success_url(self) -> str:
        return reverse("account")


disconnect = Disconnect.as_view()


def _names() -> dict[str, str]:
    return {"provider_name": settings.SAMURAI_OIDC_NAME}
