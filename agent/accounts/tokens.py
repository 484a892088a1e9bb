"""Access tokens for programs: make, look up, revoke. Only a key's digest is kept."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from agent.models import ApiToken

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

# Scanners for leaked secrets, and people, know a key of ours by this.
PREFIX = "samurai_"
# `last_used_at` is for people: one write a minute for each token is enough.
USE_NOTED_EVERY = timedelta(minutes=1)


def create_token(
    user: User, name: str = "", scope: str = ApiToken.Scope.WRITE
) -> tuple[ApiToken, str]:
    """Returns the new token and its key: `samurai_` and 43 URL-safe characters, kept nowhere."""
    key = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user, name=name, prefix=key[:12], digest=digest(key), scope=scope
    )
    return token, key


def find_token(key: str) -> ApiToken | None:
    """Returns the token of `key` with its user; None if unknown, revoked, or of a disabled user."""
    if not key.startswith(PREFIX) or not key.isascii():
        return None
    token = (
        ApiToken.objects.select_related("user")
        .filter(digest=digest(key), revoked_at=None, user__is_active=True)
        .first()
    )
    if token is not None:
        note_use(token, timezone.now())
    return token


def note_use(token: ApiToken, now: datetime) -> None:
    if token.last_used_at is not None and token.last_used_at > now - USE_NOTED_EVERY:
        return
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    token.last_used_at = now


def revoke(tokens: QuerySet[ApiToken]) -> int:
    """Ends `tokens` for good; returns how many were still in force."""
    return tokens.filter(revoked_at=None).update(revoked_at=timezone.now())


def digest(key: str) -> str:
    """SHA-256, hexadecimal. A key is random enough that it needs no slow hash."""
    return hashlib.sha256(key.encode()).hexdigest()
