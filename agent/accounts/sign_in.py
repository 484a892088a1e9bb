"""One-time sign-in links: `manage.py setup` creates one for the owner; it works once. No HTTP."""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.utils import timezone
from django.utils.http import base36_to_int, int_to_base36


class SignInTokens(PasswordResetTokenGenerator):
    """Signed tokens that expire after PASSWORD_RESET_TIMEOUT seconds or at the user's next sign-in."""

    key_salt = "agent.accounts.sign_in.SignInTokens"

    def _make_hash_value(self, user: AbstractBaseUser, timestamp: int) -> str:
        # Django's method drops the microseconds of last_login, so that a link created and used
        # within one second of another sign-in would work twice.
        return f"{user.pk}{user.password}{user.last_login}{timestamp}"


_tokens = SignInTokens()


def owner() -> User | None:
    """Returns the user for whom `setup` creates the link: the first active superuser."""
    return User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()


def make_token(user: User) -> str:
    return f"{int_to_base36(user.pk)}.{_tokens.make_token(user)}"


def redeem(token: str) -> User | None:
    """Returns the user of `token` and invalidates it; None if it is used, expired or invalid."""
    user = user_of_token(token)
    return user if user is not None and claim(user) else None


def user_of_token(token: str) -> User | None:
    """Returns the user of a token that is valid, and leaves it valid."""
    key, _, signed = token.partition(".")
    try:
        user = User.objects.filter(pk=base36_to_int(key), is_active=True).first()
    except (ValueError, OverflowError):
        return None
    return user if user is not None and _tokens.check_token(user, signed) else None


def claim(user: User) -> bool:
    """Invalidates all links of `user`. Returns True to only one of several concurrent callers."""
    now = timezone.now()
    unchanged = User.objects.filter(pk=user.pk, is_active=True, last_login=user.last_login)
    if unchanged.update(last_login=now) == 0:
        return False
    user.last_login = now
    return True
