"""The full-text index of tasks and memories: one interface to SQLite's and PostgreSQL's search.

Knows only texts and ids. `agent.board.tasks` and `agent.memory.memories` write the entries.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db import connection

from agent.models import SearchEntry
from agent.support import raw_sql
from agent.support.words import index_text, stem, terms

# Query terms. The first 50 different words of a long message describe its subject well enough.
MAX_TERMS = 50
MAX_EXPLAINED = 8  # words of a hit's reason

# Hits of a word that are counted. The number of a more frequent word is estimated.
_COUNTED = 200
# Hits that are ranked, at least as many as are wanted, and the characters of each that are read.
_RANKED, _READ = 300, 2000
# The usual constants of BM25: how little a word's repetition adds, how much a text's length takes.
_REPEATED, _LENGTH = 1.2, 0.75
_NEIGHBOURS = 0.3  # weight of a word of `neighbours`; one of `body` weighs 1

_SAMPLE = f"""(SELECT count(*) AS number FROM (
    SELECT 1 FROM agent_searchentry entry WHERE {{condition}} LIMIT {2 * _COUNTED}
) sample) counted"""
# The number of entries. Above twice `_COUNTED`, how far apart the oldest and the newest are.
_SQLITE_SIZE = f"""
    SELECT CASE WHEN counted.number < {2 * _COUNTED} THEN counted.number
                ELSE span.last - span.first + 1 END AS entries, span.first, span.last
    FROM {_SAMPLE}, (
        SELECT (SELECT min(entry.id) FROM agent_searchentry entry WHERE {{condition}}) AS first,
               (SELECT max(entry.id) FROM agent_searchentry entry WHERE {{condition}}) AS last
    ) span
"""
# Where a word's last counted hit is, counted from the oldest entry, tells how frequent it is.
_SQLITE_COUNT = f"""
    SELECT %s AS word, CASE WHEN number < {_COUNTED} THEN number
        ELSE number * (size.last - size.first + 1) / (reached - size.first + 1) END
    FROM size, (SELECT count(*) AS number, max(rowid) AS reached FROM (
        SELECT rowid FROM agent_searchindex WHERE agent_searchindex MATCH %s LIMIT {_COUNTED}
    ))
"""
# PostgreSQL walks all hits of a word before it returns the first one, so words that are frequent
# according to its statistics are not counted.
_POSTGRESQL_COUNT = f"""
    WITH stored AS MATERIALIZED (
        SELECT reltuples FROM pg_class WHERE oid = 'agent_searchentry'::regclass
    ), size AS MATERIALIZED (
        SELECT CASE WHEN number < {2 * _COUNTED} THEN number
                    ELSE greatest(number, (SELECT reltuples FROM stored)) END AS entries
        FROM {_SAMPLE}
    ), frequent AS MATERIALIZED (
        SELECT element.lexeme, element.frequency
        FROM pg_stats statistics
        CROSS JOIN unnest(
            statistics.most_common_elems::text::text[], statistics.most_common_elem_freqs
        ) AS element(lexeme, frequency)
        WHERE statistics.schemaname = current_schema() AND statistics.tablename = 'agent_searchentry'
          AND statistics.attname = 'lexemes'
          AND element.frequency * (SELECT reltuples FROM stored) > {_COUNTED}
    ), word AS MATERIALIZED (
        SELECT number - 1 AS number, plainto_tsquery('english', text) AS query,
               tsvector_to_array(to_tsvector('english', text)) AS lexemes
        FROM unnest(%s::text[]) WITH ORDINALITY AS word(text, number)
    )
    SELECT word.number, coalesce(
        (SELECT ceil(min(frequency) * (SELECT entries FROM size)) FROM frequent
         WHERE frequent.lexeme = ANY (word.lexemes)),
        (SELECT count(*) FROM (
            SELECT FROM agent_searchentry entry
            WHERE entry.lexemes @@ word.query AND {{condition}} LIMIT {_COUNTED}
        ) counted)
    ) FROM word
    UNION ALL SELECT -1, entries FROM size
"""
_HITS = {
    "sqlite": (
        # Without CROSS, SQLite may begin with the entries.
        "agent_searchindex CROSS JOIN agent_searchentry entry ON entry.id = agent_searchindex.rowid"
        " WHERE agent_searchindex MATCH %s"
    ),
    "postgresql": "agent_searchentry entry WHERE entry.lexemes @@ plainto_tsquery('english', %s)",
}
_NEWEST = {"sqlite": "agent_searchindex.rowid DESC", "postgresql": "entry.id DESC"}


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


@dataclass(frozen=True, slots=True)
class Hit:
    """An object that was found: its id, its BM25 score, and at most `MAX_EXPLAINED` words of the query that
    found it, in its own text and only in its `neighbours`.
    """

    object_id: UUID
    score: float
    words: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


def search(project_id: UUID | None, kind: str, text: str, limit: int) -> list[UUID]:
    """Returns the ids of the objects that contain any word of `text`, best match first.

    `text` may be any text. Without a `project_id`, all projects are searched. Only the newest hits
    of the rarest words are ranked, a bounded number: the time depends little on what is stored.
    """
    ranked, _ = _found(project_id, kind, text, limit)
    return [UUID(str(candidate.object_id)) for candidate, _ in ranked]


def explained(project_id: UUID | None, kind: str, text: str, limit: int) -> list[Hit]:
    """As `search`, with the reason of each hit."""
    ranked, words = _found(project_id, kind, text, limit)
    asked = {stem(word): word for word in words}
    return [_hit(candidate, score, asked) for candidate, score in ranked]


def _found(
    project_id: UUID | None, kind: str, text: str, limit: int
) -> tuple[list[tuple[_Candidate, float]], Iterable[str]]:
    """Returns the best matches with their scores, and the words of `text` that something contains."""
    scope = _Scope(project_id, kind)
    words = terms(text, MAX_TERMS)
    size, hits = _count(scope, words) if words else (0, {})
    if not hits:
        return [], ()
    found = _candidates(scope, hits, max(limit, _RANKED))
    rarity = {}
    for word, number in sorted(hits.items(), key=itemgetter(1), reverse=True):
        rarity[stem(word)] = math.log(1 + (max(size - number, 0) + 0.5) / (number + 0.5))
    return _ranked(found, rarity)[:limit], hits


def with_all_words(project_id: UUID, kind: str, words: list[str], limit: int) -> list[UUID]:
    """Returns the ids of the newest objects that contain all `words`."""
    if not words:
        return []
    scope = _Scope(project_id, kind)
    sql = f"SELECT entry.object_id FROM {scope.hits} LIMIT %s"
    keys = raw_sql.column(sql, scope.match(words), *scope.parameters, limit)
    return [UUID(str(key)) for key in keys]


def with_any_word(project_id: UUID, kind: str, words: list[str], limit: int) -> list[UUID]:
    """Returns the ids of objects that contain one of `words`, each word's newest first."""
    found = chain.from_iterable(with_all_words(project_id, kind, [word], limit) for word in words)
    return list(dict.fromkeys(found))[:limit]


# -- ranking ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where is searched: the entries of a kind, of one project or of all."""

    project_id: UUID | None
    kind: str

    @property
    def condition(self) -> str:
        return "entry.kind = %s" + ("" if self.project_id is None else " AND entry.project_id = %s")

    @property
    def parameters(self) -> list[Any]:
        if self.project_id is None:
            return [self.kind]
        native = connection.features.has_native_uuid_field
        return [self.kind, self.project_id if native else self.project_id.hex]

    @property
    def hits(self) -> str:
        """What follows FROM, for the newest hits first. Takes a `match` and the `parameters`."""
        vendor = connection.vendor
        return f"{_HITS[vendor]} AND {self.condition} ORDER BY {_NEWEST[vendor]}"

    def match(self, words: Iterable[str]) -> str:
        """Returns the query, in the database's language, of what has all the words."""
        if connection.vendor == "postgresql":
            return " ".join(words)
        # Quotes keep a word from being read as an operator.
        query = " AND ".join(f'"{word}"' for word in words)
        if self.project_id is None:
            return query
        return f'scope : "{self.kind}{self.project_id.hex}" AND {query}'


@dataclass(frozen=True, slots=True)
class _Candidate:
    id: int
    object_id: str | UUID  # as the database stores it
    body: list[str]
    neighbours: list[str]
    found_by: set[str]  # stems


def _count(scope: _Scope, words: list[str]) -> tuple[int, dict[str, int]]:
    """Returns the number of entries, and of each word's hits if it has any. Large ones are estimates."""
    if connection.vendor == "postgresql":
        sql = _POSTGRESQL_COUNT
        parameters = [*scope.parameters, words, *scope.parameters]
    else:
        of_words = " UNION ALL ".join([_SQLITE_COUNT] * len(words))
        sql = f"WITH size AS ({_SQLITE_SIZE}) {of_words} UNION ALL SELECT -1, entries FROM size"
        parameters = scope.parameters * 3
        for index, word in enumerate(words):
            parameters += [index, scope.match([word])]
    hits = dict(_rows(sql.format(condition=scope.condition), parameters))
    return int(hits.pop(-1)), {
        words[index]: int(number) for index, number in hits.items() if number
    }


def _candidates(scope: _Scope, hits: dict[str, int], limit: int) -> list[_Candidate]:
    """Returns the newest hits of the rarest words, about `limit`."""
    sources = _sources(hits, limit)
    one = f"""SELECT * FROM (
        SELECT %s AS source, entry.id, entry.object_id, substr(entry.body, 1, {_READ}),
               substr(entry.neighbours, 1, {_READ})
        FROM {scope.hits} LIMIT %s
    ) hit"""
    parameters: list[Any] = []
    for index, (words, most) in enumerate(sources):
        parameters += [index, scope.match(words), *scope.parameters, most]
    stems = [frozenset(map(stem, words)) for words, _ in sources]
    found: dict[int, _Candidate] = {}
    for index, key, object_id, *texts in _rows(
        " UNION ALL ".join([one] * len(sources)), parameters
    ):
        if key not in found:
            body, neighbours = (text.split() for text in texts)
            found[key] = _Candidate(key, object_id, body, neighbours, set())
        found[key].found_by.update(stems[index])
    return list(found.values())


def _sources(hits: dict[str, int], limit: int) -> list[tuple[list[str], int]]:
    """Returns the words to look for, the rarest first, and how many of their hits are read. If each of
    them is frequent, those entries come first in which the rarest stand together.
    """
    words = sorted(hits, key=lambda word: hits[word])
    sources = []
    if len(words) > 1 and hits[words[0]] > limit:
        sources.append((words[:3], limit // 2))
        limit -= limit // 2
    for word in words:
        if limit <= 0:
            break
        sources.append(([word], limit))
        limit -= hits[word]
    return sources


def _hit(candidate: _Candidate, score: float, asked: Mapping[str, str]) -> Hit:
    """`asked`: the words of the query by their stems."""
    own, near = ({stem(word) for word in text} for text in (candidate.body, candidate.neighbours))
    beside = {key for key in asked if key in near and key not in own}
    own = {key for key in asked if key in own or (key in candidate.found_by and key not in beside)}
    words, others = (
        tuple(word for key, word in asked.items() if key in keys)[:MAX_EXPLAINED]
        for keys in (own, beside)
    )
    return Hit(UUID(str(candidate.object_id)), round(score, 2), words, others)


def _ranked(
    candidates: list[_Candidate], rarity: Mapping[str, float]
) -> list[tuple[_Candidate, float]]:
    """Returns the candidates with their scores by BM25, the newer one first where it is equal."""
    wanted = _wanted(candidates, rarity)
    sizes = [len(each.body) + len(each.neighbours) for each in candidates]
    mean = sum(sizes) / max(len(candidates), 1) or 1
    scores = {}
    for candidate, size in zip(candidates, sizes, strict=True):
        often = dict.fromkeys(candidate.found_by, 0.0)
        for text, weight in ((candidate.body, 1.0), (candidate.neighbours, _NEIGHBOURS)):
            for word in text:
                if word in wanted:
                    often[wanted[word]] = often.get(wanted[word], 0.0) + weight
        pivot = _REPEATED * (1 - _LENGTH + _LENGTH * size / mean)
        score = 0.0
        for key, number in often.items():
            number = number or 1.0  # the database has another stem for it
            score += rarity[key] * number / (number + pivot)
        scores[candidate.id] = score
    ordered = sorted(candidates, key=lambda each: (-round(scores[each.id], 9), -each.id))
    return [(each, scores[each.id]) for each in ordered]


def _wanted(candidates: list[_Candidate], rarity: Mapping[str, float]) -> dict[str, str]:
    """Returns the stem of each of the candidates' words that is looked for."""
    beginnings = {key[:3] for key in rarity}  # a stem keeps the first three characters of its word
    words = {word for each in candidates for text in (each.body, each.neighbours) for word in text}
    stems = {word: stem(word) for word in words if word[:3] in beginnings}
    return {word: key for word, key in stems.items() if key in rarity}


def _rows(sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
