"""Access tokens for programs: create, find, revoke. The database holds a digest, never the key."""

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

# Secret scanners and people recognise a key by this prefix.
PREFIX = "samurai_"
# `last_used_at` informs people, so that one write per token and minute is enough.
USE_INTERVAL = timedelta(minutes=1)


def create_token(
    user: User, name: str = "", scope: str = ApiToken.Scope.WRITE
) -> tuple[ApiToken, str]:
    """Returns the new token and its key: `samurai_` and 43 URL-safe characters, stored nowhere."""
    key = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user, name=name, prefix=key[:12], digest=digest(key), scope=scope
    )
    return token, key


def find_token(key: str) -> ApiToken | None:
    """Returns the token with its user; None if it is unknown or revoked, or its user is inactive."""
    if not key.startswith(PREFIX) or not key.isascii():
        return None
    token = (
        ApiToken.objects.select_related("user")
        .filter(digest=digest(key), revoked_at=None, user__is_active=True)
        .first()
    )
    if token is not None:
        record_use(token, timezone.now())
    return token


def record_use(token: ApiToken, now: datetime) -> None:
    if token.last_used_at is not None and token.last_used_at > now - USE_INTERVAL:
        return
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    token.last_used_at = now


def revoke(tokens: QuerySet[ApiToken]) -> int:
    """Revokes `tokens` for good and returns how many of them were active."""
    return tokens.filter(revoked_at=None).update(revoked_at=timezone.now())


def digest(key: str) -> str:
    """Returns SHA-256 in hexadecimal. A random key of 256 bits needs no slow hash."""
    return hashlib.sha256(key.encode()).hexdigest()
