"""The pages of a person's account, in the frame of the other pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from allauth.account import views
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.core import ratelimit
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.messages import get_messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from agent.accounts import sessions
from agent.accounts.audit import Deed, record
from chat import access
from chat.accounts import known_browser
from chat.accounts.sign_ins import of as sign_ins_of
from chat.page_context import frame, user_of

if TYPE_CHECKING:
    from django.views.generic.base import ContextMixin

    Base = ContextMixin
else:
    Base = object

_BROWSERS = (
    ("Edge", r"Edg"),
    ("Opera", r"OPR/"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrome/|CriOS/"),
    ("Safari", r"Safari/"),
)
_SYSTEMS = (
    ("Android", r"Android"),
    ("iOS", r"iPhone|iPad"),
    ("Windows", r"Windows"),
    ("macOS", r"Mac OS X"),
    ("Linux", r"Linux"),
)


class InFrame(Base):
    """A view whose page has the sidebar. What was done is told by Django's messages."""

    request: HttpRequest

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**account_frame(self.request), **super().get_context_data(**kwargs)}


def account_frame(request: HttpRequest) -> dict[str, Any]:
    told = " ".join(str(message) for message in get_messages(request))
    context = frame(request, None)
    return {**context, "done": told or context["done"]}


@login_required
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    kinds = set(Authenticator.objects.filter(user=user).values_list("type", flat=True))
    context = {
        "has_second_factor": bool(kinds - {Authenticator.Type.RECOVERY_CODES}),
        "sign_ins": len(sign_ins_of(user)),
        "tokens": access.tokens(user).count(),
        "mail": bool(settings.EMAIL_HOST),
        "address": EmailAddress.objects.get_primary_email(user) or user.email,
        "provider": settings.SAMURAI_OIDC_NAME if settings.SAMURAI_OIDC_URL else "",
        "connected": settings.SAMURAI_OIDC_URL and _is_connected(request),
    }
    return render(request, "account/account.html", {**account_frame(request), **context})


def _is_connected(request: HttpRequest) -> bool:
    from allauth.socialaccount.models import SocialAccount  # its tables are there with a provider

    return bool(SocialAccount.objects.filter(user=user_of(request)).exists())


class PasswordChange(InFrame, views.PasswordChangeView):
    def get_default_success_url(self) -> str:
        return reverse("account")


class PasswordSet(InFrame, views.PasswordSetView):
    def get_default_success_url(self) -> str:
        return reverse("account")


class Email(InFrame, views.EmailView):
    pass


class ResetByLink(views.PasswordResetFromKeyView):
    def form_valid(self, form: Any) -> HttpResponse:
        """Has the browser known, and forgets its failures: who has the mail signs in now, whoever guesses."""
        response = cast(HttpResponse, super().form_valid(form))
        name = self.reset_user.get_username()
        get_adapter(self.request)._delete_login_attempts_cached_email(self.request, username=name)
        known_browser.remember(response, name)
        return response


change_password = PasswordChange.as_view()
set_password = PasswordSet.as_view()
email = Email.as_view()
# In a card of their own.
sign_up = views.signup
inactive = views.account_inactive
reauthenticate = views.reauthenticate
email_sent = views.email_verification_sent
confirm_email = views.confirm_email
reset = views.password_reset
reset_sent = views.password_reset_done
reset_by_link = ResetByLink.as_view()
reset_done = views.password_reset_from_key_done


# -- where a person is signed in -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SignIn:
    """One browser in which a person is signed in."""

    browser: str
    address: str
    since: datetime
    is_current: bool


@login_required
@require_http_methods(["GET", "POST"])
def sign_ins(request: HttpRequest) -> HttpResponse:
    """Lists where a person is signed in; the form ends all but this one."""
    user, current = user_of(request), cast(str, request.session.session_key)
    if request.method == "POST":
        if (refusal := ratelimit.consume_or_429(request, action="sign_out_elsewhere")) is not None:
            return cast(HttpResponse, refusal)
        UserSession.objects.filter(user=user).exclude(session_key=current).delete()
        with transaction.atomic():
            record(Deed.SIGNED_OUT, user, by=user, sign_ins=sessions.end_all(user, but=current))
        return redirect(f"{reverse('sign-ins')}?done=signed-out")
    rows = [
        SignIn(browser_of(row.user_agent), row.ip, row.created_at, row.session_key == current)
        for row in sign_ins_of(user)
    ]
    rows.sort(key=lambda row: not row.is_current)
    return render(request, "account/sign_ins.html", {**account_frame(request), "sign_ins": rows})


def browser_of(user_agent: str) -> str:
    """Returns such as "Firefox on Linux"; the beginning of a name that is not known."""
    browser = next((name for name, sign in _BROWSERS if re.search(sign, user_agent)), "")
    system = next((name for name, sign in _SYSTEMS if re.search(sign, user_agent)), "")
    return " on ".join(filter(None, [browser, system])) or user_agent[:40] or "Unknown program"
