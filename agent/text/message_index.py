"""The full-text index of messages, by the beginnings of words. Triggers of the database write it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import connection

from agent.support import raw_sql
from agent.support.words import LONGEST, beginnings

# Hits that are compared with what was looked for, where the index cannot tell: signs, and long words of
# scripts without spaces.
_COMPARED = 500
# Entries that PostgreSQL reads one by one. A frequent word is found among them, without all of its hits.
_NEWEST = 1000

# FTS5 reads the newest hits first, and no more than are wanted.
_SQLITE = """
    SELECT entry.message_id FROM agent_messageindex
    CROSS JOIN agent_messageentry entry ON entry.id = agent_messageindex.rowid
    WHERE agent_messageindex MATCH %s ORDER BY agent_messageindex.rowid DESC LIMIT {limit}
"""
_AMONG_NEWEST = f"""
    SELECT message_id FROM (
        SELECT id, message_id, lexemes FROM agent_messageentry ORDER BY id DESC LIMIT {_NEWEST}
    ) newest WHERE lexemes @@ CAST(%s AS tsquery) ORDER BY id DESC LIMIT {{limit}}
"""
# Materialized, so that PostgreSQL does not walk all entries for hits that it only expects.
_AMONG_ALL = """
    WITH hit AS MATERIALIZED (
        SELECT id, message_id FROM agent_messageentry WHERE lexemes @@ CAST(%s AS tsquery)
    ) SELECT message_id FROM hit ORDER BY id DESC LIMIT {limit}
"""
_LIKE = {"sqlite": "LIKE", "postgresql": "ILIKE"}


def find(projects: Collection[UUID], words: list[str], limit: int) -> list[UUID]:
    """Returns the ids of the newest messages of `projects` that have words which begin with all `words`."""
    found = [piece for word in words for piece in beginnings(word)]
    if not found or not projects:
        return []
    query = _query(projects, list(dict.fromkeys(found)))
    compared = [word for word in words if not _is_indexed(word)]
    keys = _newest(query, _COMPARED if compared else limit)
    if compared:
        keys = _with_texts(keys, compared, limit)
    return [UUID(str(key)) for key in keys]


def _newest(query: str, limit: int) -> list[Any]:
    if connection.vendor == "sqlite":
        return raw_sql.column(_SQLITE.format(limit=limit), query)
    keys = raw_sql.column(_AMONG_NEWEST.format(limit=limit), query)
    return keys if len(keys) == limit else raw_sql.column(_AMONG_ALL.format(limit=limit), query)


def _with_texts(keys: list[Any], texts: list[str], limit: int) -> list[Any]:
    """Returns the ids of the newest of these messages that contain all `texts`."""
    if not keys:
        return []
    condition = f"content {_LIKE[connection.vendor]} %s ESCAPE '\\'"
    conditions = " AND ".join([condition] * len(texts))
    return raw_sql.column(
        f"SELECT id FROM agent_message WHERE id IN ({', '.join(['%s'] * len(keys))}) AND {conditions}"
        f" ORDER BY created_at DESC, id DESC LIMIT {limit}",
        *keys,
        *(f"%{connection.ops.prep_for_like_query(text)}%" for text in texts),
    )


def _is_indexed(word: str) -> bool:
    """Tells whether the index knows all of `word`."""
    return len(beginnings(word)) == 1 and word.isalnum() and len(word) <= LONGEST


def _query(projects: Collection[UUID], pieces: list[tuple[str, bool]]) -> str:
    """Returns the query in the database's language. `pieces` are letters and digits only."""
    if connection.vendor == "postgresql":
        scope = " | ".join(f"'{_scope(project)}'" for project in projects)
        words = " & ".join(f"'{piece}'{':*' if is_open else ''}" for piece, is_open in pieces)
        return f"({words}) & ({scope})"
    scope = " OR ".join(f'"{project.hex}"' for project in projects)
    words = " AND ".join(f'"{piece}"{"*" if is_open else ""}' for piece, is_open in pieces)
    return f"words : ({words}) AND scope : ({scope})"


def _scope(project: UUID) -> str:
    # With a space, so that it is no word.
    return f"in {project}"
