"""Django's sessions in the database, read by a statement that is compiled once: each request reads one."""

from __future__ import annotations

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

from agent.support import raw_sql


class SessionStore(db.SessionStore):
    def _get_session_from_db(self) -> Session | None:
        for row in raw_sql.select(Session, "session_key = %s", self.session_key):
            if row.expire_date > timezone.now():
                return row
        self._session_key = None
        return None
