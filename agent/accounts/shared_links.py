"""Shared links: create, find, revoke, delete. The database holds a digest, never the secret. No HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from agent.accounts.access import ORDER
from agent.accounts.audit import Deed, record
from agent.accounts.tokens import digest
from agent.exceptions import QuotaReached
from agent.models import Membership, SharedLink
from agent.models.projects import Role
from agent.support import raw_sql
from agent.support.counts import count

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from agent.models import ChatSession, Run

# Days after which a link expires: what a person may choose, and what is chosen when nothing is said.
DAYS = (1, 7, 30)
DEFAULT_DAYS = 7
# The least role that may share a session, and see and revoke its links.
MAY_SHARE = Role.EDITOR
# Links of a session that work: as many as its page lists, so that none escapes who wants to revoke it.
MAX_ACTIVE = 200
# Links that one statement deletes: meanwhile, no other statement of the process may write to SQLite.
_DELETED = 200


@dataclass(frozen=True, slots=True)
class Guest:
    """Who uses a shared link: nobody known. It is a viewer of one session, or of one run of it."""

    link: UUID
    session: UUID
    project: UUID
    run: UUID | None
    shows_tasks: bool
    shows_memories: bool
    expires_at: datetime

    is_authenticated = True  # by the link, where a view takes guests
    is_active = True

    @property
    def pk(self) -> UUID:
        """Tells guests apart where requests are counted: all of one link are one."""
        return self.link


def create_link(
    session: ChatSession,
    user: User,
    *,
    days: int = DEFAULT_DAYS,
    run: Run | None = None,
    shows_tasks: bool = False,
    shows_memories: bool = False,
) -> tuple[SharedLink, str]:
    """Returns the new link and its secret: 43 URL-safe characters, stored nowhere. `days`: one of `DAYS`.

    Raises `QuotaReached`.
    """
    if days not in DAYS:
        raise ValueError(f"a link expires after {DAYS} days, not {days}")
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        raw_sql.lock("agent_chatsession", session.pk)
        if active().filter(session=session).count() >= MAX_ACTIVE:
            most = count(MAX_ACTIVE, "active link")
            raise QuotaReached(f"A session may have {most}. Revoke one first.")
        link = SharedLink.objects.create(
            session=session,
            run=run,
            created_by=user,
            digest=digest(secret),
            shows_tasks=shows_tasks,
            shows_memories=shows_memories,
            expires_at=timezone.now() + timedelta(days=days),
        )
        shows = {"shows_tasks": shows_tasks, "shows_memories": shows_memories}
        of = {"session": str(session.pk), "run": str(run.pk) if run else None}
        record(Deed.LINK_CREATED, link, by=user, project=session.project_id, **of, **shows)
    return link, secret


def active() -> QuerySet[SharedLink]:
    """Returns the links that work: not expired, not revoked, of people who may still share the session."""
    sharing = [role for role in ORDER if ORDER.index(role) >= ORDER.index(MAY_SHARE)]
    member = Membership.objects.filter(
        project=OuterRef("session__project"), user=OuterRef("created_by"), role__in=sharing
    )
    return SharedLink.objects.filter(
        Q(session__project__owner=F("created_by")) | Exists(member),
        created_by__is_active=True,
        revoked_at=None,
        expires_at__gt=timezone.now(),
    )


def guests(links: Iterable[UUID]) -> dict[UUID, Guest]:
    """Returns the guests of those of these links that work, by link; one query for many."""
    rows = active().filter(pk__in=set(links)).select_related("session")
    return {row.pk: _guest(row) for row in rows}


def redeem(link: UUID, secret: str) -> Guest | None:
    """Returns the guest of a link that works and has this secret; None for any other."""
    row = active().filter(pk=link, digest=digest(secret)).select_related("session").first()
    return _guest(row) if row else None


def _guest(row: SharedLink) -> Guest:
    return Guest(
        link=row.pk,
        session=row.session_id,
        project=row.session.project_id,
        run=row.run_id,
        shows_tasks=row.shows_tasks,
        shows_memories=row.shows_memories,
        expires_at=row.expires_at,
    )


def revoke(links: QuerySet[SharedLink], *, by: User | None = None) -> int:
    """Revokes `links` for good and returns how many of them were not revoked."""
    with transaction.atomic():
        rows = list(links.filter(revoked_at=None).order_by("pk").select_for_update(of=("self",)))
        if rows:
            found = SharedLink.objects.filter(pk__in=[row.pk for row in rows])
            found.update(revoked_at=timezone.now())
            record(Deed.LINK_REVOKED, *rows, by=by)
    return len(rows)


def delete_expired() -> int:
    """Deletes links that have expired, at most `_DELETED`; returns how many."""
    expired = SharedLink.objects.filter(expires_at__lte=timezone.now()).order_by("expires_at")
    keys = list(expired.values_list("pk", flat=True)[:_DELETED])
    return SharedLink.objects.filter(pk__in=keys).delete()[0] if keys else 0
