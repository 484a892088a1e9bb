"""What this site decides where django-allauth asks: who may sign up, limits, words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal import ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme

from agent.support.origin import checked_address
from chat.accounts import known_browser
from chat.accounts.known_browser import account_of

if TYPE_CHECKING:
    from allauth.account.models import EmailConfirmation

NOWHERE = "0.0.0.0"  # the client of a Unix socket, or what a proxy calls "unknown"
WRONG = "Wrong username or password."
# Messages that the page itself shows by what it is.
_UNSAID = ("account/messages/logged_in.txt", "account/messages/logged_out.txt")


class AccountAdapter(DefaultAccountAdapter):
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": WRONG,
        "too_many_login_attempts": "Too many attempts. Wait five minutes, then try again.",
        "incorrect_password": "Wrong password.",
        "enter_current_password": "Wrong password.",
        "rate_limited": "Too many attempts. Wait a few minutes, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return settings.SAMURAI_SIGN_UP == "open"

    def get_client_ip(self, request: HttpRequest) -> str:
        """Returns the address that the server names. Behind a proxy it has read X-Forwarded-For, if the proxy
        is one that it trusts; the header itself is whatever a client sends.
        """
        return checked_address(request.META.get("REMOTE_ADDR")) or NOWHERE

    def get_reset_password_from_key_url(self, key: str) -> str:
        return _at_site(super().get_reset_password_from_key_url(key))

    def get_email_confirmation_url(
        self, request: HttpRequest, emailconfirmation: EmailConfirmation
    ) -> str:
        return _at_site(super().get_email_confirmation_url(request, emailconfirmation))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        site = {"domain": urlsplit(_at_site(self.request.build_absolute_uri("/"))).netloc}
        super().send_mail(template_prefix, email, {**context, "current_site": site})

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Counts by account and address, not also by the Host header, in which a client chooses the port.
        By the account alone, strangers could keep its owner out.
        """
        return f"{ratelimit.get_ip(request)} {account_of(credentials.get('username', ''))}"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Counts the attempt, also by the account alone unless the browser has signed in to it before."""
        super().pre_authenticate(request, **credentials)
        name = credentials.get("username", "")
        if known_browser.is_known(request, name):
            return
        of_account = ratelimit.consume(
            request, app="allauth.account", action="login_failed_anywhere", key=account_of(name)
        )
        if of_account is None:
            raise self.validation_error("too_many_login_attempts")
        self._login_failed_rl_usage.usage += of_account.usage  # taken back if the password is right

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **kwargs)
        known_browser.remember(response, user.get_username())
        return response

    def is_safe_url(self, url: str | None) -> bool:
        """Tells whether a page may lead there: to this host only, and not from HTTPS to HTTP."""
        here = {self.request.get_host()}
        return url_has_allowed_host_and_scheme(url, here, require_https=self.request.is_secure())

    def get_login_stages(self) -> list[str]:
        """Leaves out the stage of the second factor while nobody has one: its packages take 11 MB."""
        stages = ["allauth.account.stages.EmailVerificationStage"]
        if Authenticator.objects.exists():
            stages.append("allauth.mfa.stages.AuthenticateStage")
        return stages

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Tells whether a person has to prove again who they are. Somebody who signed in by a link or a
        provider, and has neither password nor second factor, has nothing to prove it with.
        """
        required = super().is_reauthentication_required(app=app, **kwargs)
        return bool(required and self.get_reauthentication_methods(self.request.user))

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if message_template not in _UNSAID:
            super().add_message(request, level, message_template, *args, **kwargs)


def _at_site(url: str) -> str:
    """Returns the address at the host and port of SITE_URL: a client chooses the port of the Host header, and
    a secret in a mail is for no other program of that host.
    """
    if not settings.SITE_URL:
        return url
    site = urlsplit(settings.SITE_URL)
    return urlsplit(url)._replace(scheme=site.scheme, netloc=site.netloc).geturl()


class SecondFactorAdapter(DefaultMFAAdapter):
    error_messages = {**DefaultMFAAdapter.error_messages, "incorrect_code": "Wrong code."}

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return "Passkey" if number == 1 else f"Passkey {number}"
