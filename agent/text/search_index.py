"""The full-text index of tasks and memories: one interface to SQLite's and PostgreSQL's search.

Knows only texts and ids. `agent.board.tasks` and `agent.memory.memories` write the entries.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import connection

from agent.models import SearchEntry
from agent.support import raw_sql
from agent.support.words import index_text, terms

# Query terms. The first 50 different words of a long message describe its subject well enough.
MAX_TERMS = 50

# Weights: `body` 1.0, `neighbours` 0.3. Of entries with equal rank, the newer comes first.
_SQLITE = """
    SELECT entry.id, entry.object_id
    FROM agent_searchindex JOIN agent_searchentry entry ON entry.id = agent_searchindex.rowid
    WHERE agent_searchindex MATCH %s AND entry.kind = %s{of_project}
    ORDER BY bm25(agent_searchindex, 1.0, 0.3), entry.id DESC
    LIMIT %s
"""
# `ts_rank` ignores how rare a word is, so each word's rank is weighted by its rarity in the project.
# A window function counts the hits: PostgreSQL planned a join with the counts as if each word had one
# hit, which took minutes with 10,000 tasks.
_POSTGRESQL = """
    WITH word AS MATERIALIZED (
        SELECT DISTINCT plainto_tsquery('english', term) AS query FROM unnest(%s::text[]) AS term
    ), hit AS MATERIALIZED (
        SELECT entry.id, entry.object_id,
               ts_rank('{0.3, 0.3, 0.3, 1.0}', entry.lexemes, word.query, 1) AS rank,
               count(*) OVER (PARTITION BY word.query) AS hits
        FROM word JOIN agent_searchentry entry ON entry.lexemes @@ word.query
        WHERE entry.kind = %s{of_project}
    ), everything AS MATERIALIZED (
        SELECT count(*)::float AS size FROM agent_searchentry entry WHERE entry.kind = %s{of_project}
    )
    SELECT hit.id, hit.object_id FROM hit
    GROUP BY hit.id, hit.object_id
    ORDER BY sum(hit.rank * ln(1 + (SELECT size FROM everything) / hit.hits)) DESC, hit.id DESC
    LIMIT %s
"""


def entry(
    *, project_id: UUID, kind: str, object_id: UUID, body: str, neighbours: str = ""
) -> SearchEntry:
    """Returns an object's entry without saving it. Words of `neighbours` weigh less than `body`."""
    return SearchEntry(
        project_id=project_id,
        kind=kind,
        object_id=object_id,
        body=index_text(body),
        neighbours=index_text(neighbours),
    )


def put(entries: Iterable[SearchEntry]) -> None:
    """Adds the entries to the index. An object's new entry replaces its old one."""
    raw_sql.insert(
        *entries,
        on_conflict="ON CONFLICT (object_id) DO UPDATE"
        " SET body = excluded.body, neighbours = excluded.neighbours",
    )


def remove(*object_ids: UUID) -> None:
    SearchEntry.objects.filter(object_id__in=object_ids).delete()


def search(project_id: UUID | None, kind: str, text: str, limit: int) -> list[UUID]:
    """Returns the ids of the objects that contain any word of `text`, best match first.

    `text` may be any text. Without a `project_id`, all projects are searched.
    """
    words = terms(text, MAX_TERMS)
    if not words:
        return []
    sql, parameters = _query(project_id, kind, words)
    return [row.object_id for row in SearchEntry.objects.raw(sql, [*parameters, limit])]


def with_all_words(project_id: UUID, kind: str, words: list[str], limit: int) -> list[UUID]:
    """Returns the ids of the newest objects that contain all `words`."""
    if not words:
        return []
    if connection.vendor == "postgresql":
        condition = "entry.lexemes @@ plainto_tsquery('english', %s)"
        text, key = " ".join(words), str(project_id)
    else:
        condition = (
            "entry.id IN (SELECT rowid FROM agent_searchindex WHERE agent_searchindex MATCH %s)"
        )
        text, key = " AND ".join(f'"{word}"' for word in words), project_id.hex
    rows = SearchEntry.objects.raw(
        f"SELECT entry.id, entry.object_id FROM agent_searchentry entry WHERE {condition}"
        " AND entry.project_id = %s AND entry.kind = %s ORDER BY entry.id DESC LIMIT %s",
        [text, key, kind, limit],
    )
    return [row.object_id for row in rows]


def _query(project_id: UUID | None, kind: str, words: list[str]) -> tuple[str, list[Any]]:
    of_project = "" if project_id is None else " AND entry.project_id = %s"
    if connection.vendor == "postgresql":
        of_kind = [kind] if project_id is None else [kind, project_id]
        return _POSTGRESQL.replace("{of_project}", of_project), [words, *of_kind, *of_kind]
    # Quotes keep a word from being read as an operator. OR, because one text rarely has all words.
    match = " OR ".join(f'"{word}"' for word in words)
    of_kind = [kind] if project_id is None else [kind, project_id.hex]
    return _SQLITE.replace("{of_project}", of_project), [match, *of_kind]
