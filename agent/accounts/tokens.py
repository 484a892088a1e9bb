"""Access tokens for programs: create, find, revoke. The database holds a digest, never the key."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from agent.accounts.access import limit
from agent.accounts.audit import Deed, record, unless_by_command
from agent.exceptions import QuotaReached
from agent.models import ApiToken
from agent.support import raw_sql
from agent.support.counts import count

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

    from agent.models import Project

# Secret scanners and people recognise a key by this prefix.
PREFIX = "samurai_"
# `last_used_at` informs people, so that one write per token and minute is enough.
USE_INTERVAL = timedelta(minutes=1)
MAX_DAYS = 3650  # after which a token may expire


def active() -> QuerySet[ApiToken]:
    """Returns the tokens that are neither revoked nor expired."""
    lasting = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return ApiToken.objects.filter(lasting, revoked_at=None)


def check_quota(user: User) -> None:
    """Raises `QuotaReached` if the user can have no other active token."""
    quota = settings.SAMURAI_USER_TOKENS
    if quota and active().filter(user=user).count() >= quota:
        raise QuotaReached(
            f"A person may have {count(quota, 'active access token')}, and you have as many. Revoke one "
            "first."
        )


def create_token(
    user: User,
    name: str = "",
    scope: str = ApiToken.Scope.WRITE,
    *,
    days: int | None = None,
    project: Project | None = None,
    by: ApiToken | None = None,
) -> tuple[ApiToken, str]:
    """Returns the new token and its key: `samurai_` and 43 URL-safe characters, stored nowhere.

    It expires after so many `days`, None for never, and not after `by`, the token that asks for it. With
    `project`, it opens nothing but this one, which the user may view. Raises `QuotaReached`.
    """
    key = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        raw_sql.lock("auth_user", user.pk)  # two at the same time do not both get the last place
        check_quota(user)
        token = ApiToken.objects.create(
            user=user,
            name=name,
            prefix=key[:12],
            digest=digest(key),
            scope=scope,
            project=project,
            expires_at=_expiry(days, by),
        )
        maker, name = unless_by_command(user), user.get_username()
        only = project.pk if project is not None else None
        record(Deed.TOKEN_CREATED, token, by=maker, project=only, user=name, scope=str(scope))
    return token, key


def _expiry(days: int | None, by: ApiToken | None) -> datetime | None:
    ends = [timezone.now() + timedelta(days=days)] if days is not None else []
    ends += [by.expires_at] if by is not None and by.expires_at is not None else []
    return min(ends, default=None)


def find_token(key: str) -> ApiToken | None:
    """Returns the token with its user, limited as the token is; None if it is unknown, revoked or expired,
    or its user is inactive.
    """
    if not key.startswith(PREFIX) or not key.isascii():
        return None
    found = active().select_related("user").filter(digest=digest(key), user__is_active=True)
    token = found.first()
    if token is not None:
        limit(token.user, token.project_id)
        record_use(token, timezone.now())
    return token


def record_use(token: ApiToken, now: datetime) -> None:
    if token.last_used_at is not None and token.last_used_at > now - USE_INTERVAL:
        return
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    token.last_used_at = now


def revoke(tokens: QuerySet[ApiToken], *, by: User | None = None) -> int:
    """Revokes `tokens` for good and returns how many of them were active."""
    with transaction.atomic():
        found = tokens.filter(revoked_at=None).select_related("user").order_by("pk")
        rows = list(found.select_for_update(of=("self",)))
        if rows:
            keys = [row.pk for row in rows]
            ApiToken.objects.filter(pk__in=keys).update(revoked_at=timezone.now())
        for row in rows:
            record(Deed.TOKEN_REVOKED, row, by=by, user=row.user.get_username())
    return len(rows)


def digest(key: str) -> str:
    """Returns SHA-256 in hexadecimal. A random key of 256 bits needs no slow hash."""
    return hashlib.sha256(key.encode()).hexdigest()
