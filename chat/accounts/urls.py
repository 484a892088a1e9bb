"""The addresses below /accounts/, and the names by which django-allauth finds them.

Only signing in is imported at the start: the pages take a megabyte, those of second factors twenty.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth.views import LogoutView
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path

from chat.accounts.sign_in import SignInView
from chat.page_context import View


def later(module: str, name: str) -> View:
    """Returns a view whose module is imported when the view is asked for."""

    def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        found = getattr(import_module(f"chat.accounts.{module}"), name)
        response: HttpResponse = found(request, *args, **kwargs)
        return response

    return view


def page(name: str) -> View:
    return later("pages", name)


def second_factor(name: str) -> View:
    return later("second_factor", name)


def by_mail(name: str) -> View:
    """Returns a page that is there when mail can be sent."""

    def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.EMAIL_HOST:
            raise Http404
        return page(name)(request, *args, **kwargs)

    return view


urlpatterns: list[URLPattern] = [
    path("", page("account"), name="account"),
    path("sign-in/", SignInView.as_view(), name="sign-in"),
    path("sign-in/", SignInView.as_view(), name="account_login"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("sign-out/", LogoutView.as_view(), name="account_logout"),
    path("sign-up/", page("sign_up"), name="account_signup"),
    path("inactive/", page("inactive"), name="account_inactive"),
    path("sign-ins/", page("sign_ins"), name="sign-ins"),
    path("confirm/", page("reauthenticate"), name="account_reauthenticate"),
    path("password/", page("change_password"), name="account_change_password"),
    path("password/set/", page("set_password"), name="account_set_password"),
    path("second-factor/", second_factor("index"), name="mfa_index"),
    path("second-factor/sign-in/", second_factor("authenticate"), name="mfa_authenticate"),
    path("second-factor/confirm/", second_factor("reauthenticate"), name="mfa_reauthenticate"),
    path("second-factor/app/", second_factor("activate_totp"), name="mfa_activate_totp"),
    path("second-factor/app/off/", second_factor("deactivate_totp"), name="mfa_deactivate_totp"),
    path(
        "second-factor/codes/", second_factor("view_recovery_codes"), name="mfa_view_recovery_codes"
    ),
    path(
        "second-factor/codes/new/",
        second_factor("generate_recovery_codes"),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "second-factor/codes/file/",
        second_factor("download_recovery_codes"),
        name="mfa_download_recovery_codes",
    ),
    path("keys/", second_factor("index"), name="mfa_list_webauthn"),
    path("keys/new/", second_factor("add_key"), name="mfa_add_webauthn"),
    path("keys/sign-in/", second_factor("sign_in_by_key"), name="mfa_login_webauthn"),
    path(
        "keys/confirm/", second_factor("reauthenticate_by_key"), name="mfa_reauthenticate_webauthn"
    ),
    path("keys/<int:pk>/", second_factor("rename_key"), name="mfa_edit_webauthn"),
    path("keys/<int:pk>/remove/", second_factor("remove_key"), name="mfa_remove_webauthn"),
    # -- by mail
    path("e-mail/", by_mail("email"), name="account_email"),
    path("e-mail/sent/", by_mail("email_sent"), name="account_email_verification_sent"),
    path("e-mail/confirm/<str:key>/", by_mail("confirm_email"), name="account_confirm_email"),
    path("reset/", by_mail("reset"), name="account_reset_password"),
    path("reset/sent/", by_mail("reset_sent"), name="account_reset_password_done"),
    path("reset/done/", by_mail("reset_done"), name="account_reset_password_from_key_done"),
    # django-allauth makes the link by replacing a part of this address.
    re_path(
        r"^reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        by_mail("reset_by_link"),
        name="account_reset_password_from_key",
    ),
]

if settings.SAMURAI_OIDC_URL:
    from chat.accounts.provider_urls import urlpatterns as of_provider

    urlpatterns += of_provider
