"""The full-text index over tasks and memories: one interface over SQLite's and PostgreSQL's.

Knows texts and ids only; `agent.board.tasks` and `agent.memory.memories` tell it what to hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import connection

from agent.models import SearchEntry
from agent.support import raw_sql
from agent.text.words import index_text, terms

# A long message has no more to say to an index than its first different words.
MAX_TERMS = 50

# Weights: the text itself 1.0, what was said around it 0.3. Of equally good ones the newer first.
_SQLITE = """
    SELECT entry.id, entry.object_id
    FROM agent_searchindex JOIN agent_searchentry entry ON entry.id = agent_searchindex.rowid
    WHERE agent_searchindex MATCH %s AND entry.kind = %s{of_project}
    ORDER BY bm25(agent_searchindex, 1.0, 0.3), entry.id DESC
    LIMIT %s
"""
# `ts_rank` does not know that a rare word tells more than a frequent one, so each word's rank is
# weighted by its rarity in the project. Counted in a window: a join with the counts is planned as
# if each word had one hit, and took minutes with 10,000 tasks.
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
    """Returns an object's entry, not yet in the index. `neighbours` counts less than `body`."""
    return SearchEntry(
        project_id=project_id,
        kind=kind,
        object_id=object_id,
        body=index_text(body),
        neighbours=index_text(neighbours),
    )


def put(entries: Iterable[SearchEntry]) -> None:
    """Puts the entries into the index, in the place of those that their objects had."""
    raw_sql.insert(
        *entries,
        on_conflict="ON CONFLICT (object_id) DO UPDATE"
        " SET body = excluded.body, neighbours = excluded.neighbours",
    )


def remove(*object_ids: UUID) -> None:
    SearchEntry.objects.filter(object_id__in=object_ids).delete()


def search(project_id: UUID | None, kind: str, text: str, limit: int) -> list[UUID]:
    """Returns the ids of the objects that have any word of `text`, best first. Takes any text.

    Without `project_id` it looks into all projects.
    """
    wanted = terms(text, MAX_TERMS)
    if not wanted:
        return []
    sql, parameters = _query(project_id, kind, wanted)
    return [row.object_id for row in SearchEntry.objects.raw(sql, [*parameters, limit])]


def _query(project_id: UUID | None, kind: str, wanted: list[str]) -> tuple[str, list[Any]]:
    of_project = "" if project_id is None else " AND entry.project_id = %s"
    if connection.vendor == "postgresql":
        of_kind = [kind] if project_id is None else [kind, project_id]
        return _POSTGRESQL.replace("{of_project}", of_project), [wanted, *of_kind, *of_kind]
    # Quoted, a term is never an operator; OR, since all terms at once are hardly ever in one text.
    match = " OR ".join(f'"{term}"' for term in wanted)
    of_kind = [kind] if project_id is None else [kind, project_id.hex]
    return _SQLITE.replace("{of_project}", of_project), [match, *of_kind]
