"""The list of projects and sessions beside a page: what it shows to a person, as values and as JSON.

The same number of queries reads it for one person or for many, and each reads a bounded number of rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import dates

from agent.models import ChatSession
from agent.runs.waiting import WaitingSession
from agent.support import raw_sql
from agent.support.words import isolated, marked
from chat import access

# Entries of the page's project, and of each other one.
MAX_ENTRIES, MAX_OF_OTHERS = 30, 4
MAX_WAITING = 20  # entries of what waits
MAX_OF_BATCH = 20  # sessions that a batch unfolds
MAX_COUNTED = 1000  # runs of a batch of each status

NOTES = {"plan": "Plan to approve", "question": "Question", "failure": "Failed run"}


@dataclass(frozen=True, slots=True)
class Listed:
    """A session, or a batch with its `sessions`. `at`: when its latest message came, "" for none; `state`:
    waiting (for the person), working, or ""; `note`: what waits, or how many runs of a batch have ended.
    """

    id: str
    title: str
    at: str = ""
    state: str = ""
    note: str = ""
    kind: str = "session"
    sessions: tuple[Listed, ...] = ()
    more: bool = False  # sessions of the batch than `sessions`

    @property
    def day(self) -> str:
        return (
            f"{int(self.at[8:10])} {dates.MONTHS_3[int(self.at[5:7])].title()}" if self.at else ""
        )


@dataclass(frozen=True, slots=True)
class Group:
    """A project with its latest entries. `body`: all of it as JSON."""

    id: str
    name: str
    entries: tuple[Listed, ...]
    body: str


@dataclass(frozen=True, slots=True)
class Sidebar:
    """What a page shows to a person. `count`: runs that wait; `groups`: the page's project first, then the
    newest.
    """

    count: int
    waiting: tuple[Listed, ...]
    waiting_body: str
    groups: tuple[Group, ...]

    def frame(self, known: Sidebar | None) -> str:
        """Returns the frame for a client that knows `known`: of an unchanged project, only the id."""
        return f'{{"type":"sidebar","version":"{self.version}",{self._fields(known)}}}'

    def _fields(self, known: Sidebar | None) -> str:
        before = {group.id: group.body for group in known.groups} if known else {}
        groups = (
            f'{{"id":"{group.id}"}}' if before.get(group.id) == group.body else group.body
            for group in self.groups
        )
        listed = ",".join(groups)
        return f'"count":{self.count},"waiting":{self.waiting_body},"projects":[{listed}]'

    @property
    def version(self) -> str:
        """Returns what is the same for equal sidebars."""
        return hashlib.blake2b(self._fields(None).encode(), digest_size=8).hexdigest()


Key = tuple[int, UUID | None]  # a user, and the project of the page


def read(wanted: Collection[Key]) -> dict[Key, Sidebar]:
    """Returns the sidebars of these users on pages of these projects."""
    users = {user for user, _ in wanted}
    projects_of = access.projects_of_each(users)
    waiting_of = access.waiting_sessions(users)
    projects = {key for found in projects_of.values() for key, _ in found}
    opened = projects & {project for _, project in wanted}
    latest = _latest({MAX_ENTRIES: opened, MAX_OF_OTHERS: projects - opened})
    waiting = [one for _, found in waiting_of.values() for one in found]
    batches = _batches(
        {one.id for entries in latest.values() for one in entries if one.kind == "batch"}
        | {str(one.batch) for one in waiting if one.batch}
    )
    groups = _Groups(latest, batches)
    return {
        (user, project): _sidebar(project, projects_of[user], *waiting_of[user], batches, groups)
        for user, project in wanted
    }


def _sidebar(
    current: UUID | None,
    projects: list[tuple[UUID, str]],
    count: int,
    sessions: list[WaitingSession],
    batches: Mapping[str, Listed],
    groups: _Groups,
) -> Sidebar:
    waiting = _waiting(sessions, batches)
    gone: dict[UUID, set[str]] = {}
    for one in sessions:
        key = str(one.batch or one.id)
        if key in waiting:
            gone.setdefault(one.project, set()).add(key)
    listed = (
        groups.of(key, name, is_current=key == current, gone=frozenset(gone.get(key, ())))
        for key, name in sorted(projects, key=lambda project: project[0] != current)
    )
    entries = tuple(waiting.values())
    return Sidebar(count, entries, _json([asdict(one) for one in entries]), tuple(listed))


def _waiting(
    sessions: Iterable[WaitingSession], batches: Mapping[str, Listed]
) -> dict[str, Listed]:
    """Returns the entries of what waits, by their ids; all sessions of a batch are one."""
    found: dict[str, Listed] = {}
    for one in sessions:
        batch = batches.get(str(one.batch))
        if (str(batch.id) if batch else str(one.id)) not in found and len(found) == MAX_WAITING:
            continue
        note = NOTES[one.kind] if batch else f"{NOTES[one.kind]} · {isolated(one.project_name)}"
        session = _listed(one.id, one.title, one.updated_at, "waiting", note)
        if batch is None:
            found[session.id] = session
            continue
        entry = found.get(batch.id) or replace(
            batch,
            state="waiting",
            note=" · ".join([*filter(None, [batch.note]), f"{one.of_batch} waiting"]),
        )
        others = [other for other in entry.sessions if other.id != session.id]
        first = [other for other in others if other.state == "waiting"]
        rest = [other for other in others if other.state != "waiting"]
        kept = (*first, session, *rest)[:MAX_OF_BATCH]
        more = entry.more or len(others) >= MAX_OF_BATCH
        found[batch.id] = replace(entry, sessions=kept, more=more)
    return found


class _Groups:
    """The projects of all sidebars that are read at once. Equal ones are made once."""

    def __init__(self, latest: Mapping[UUID, list[Listed]], batches: Mapping[str, Listed]) -> None:
        self._latest, self._batches = latest, batches
        self._made: dict[tuple[UUID, bool, frozenset[str]], Group] = {}

    def of(self, key: UUID, name: str, *, is_current: bool, gone: frozenset[str]) -> Group:
        """Returns the project without the entries `gone`."""
        if (made := self._made.get((key, is_current, gone))) is None:
            most = MAX_ENTRIES if is_current else MAX_OF_OTHERS
            latest = (self._batches.get(one.id, one) for one in self._latest.get(key, ()))
            entries = tuple(one for one in latest if one.id not in gone)[:most]
            name = marked(name)
            body = {"id": str(key), "name": name, "entries": [asdict(one) for one in entries]}
            made = Group(str(key), name, entries, _json(body))
            self._made[key, is_current, gone] = made
        return made


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


# -- queries ---------------------------------------------------------------------------------------

# The newest rows of a table for each of many keys. SQLite knows no LATERAL; PostgreSQL would
# sort all sessions of a batch where most batches have few, so it reads their index from a batch on, as far as
# the limit.
_NEWEST = {
    "sqlite": """
        FROM json_each(%s) wanted CROSS JOIN {table} found ON found.id IN (
            SELECT one.id FROM {table} one WHERE one.{key} = wanted.value AND {condition}
            ORDER BY one.updated_at DESC LIMIT {most}
        )""",
    "postgresql": """
        FROM unnest(%s::uuid[]) AS wanted(value) CROSS JOIN LATERAL (
            SELECT one.* FROM {table} one WHERE one.{key} {compared} wanted.value AND {condition}
            ORDER BY one.{key}, one.updated_at DESC LIMIT {most}
        ) found WHERE found.{key} = wanted.value""",
}
_BATCHES = {
    "sqlite": "FROM json_each(%s) wanted CROSS JOIN agent_batch batch ON batch.id = wanted.value",
    "postgresql": """
        FROM unnest(%s::uuid[]) AS wanted(value) JOIN agent_batch batch ON batch.id = wanted.value""",
}
# Of a session's unfinished runs, one that waits holds up the others; the statuses are in this order.
_STATE = """COALESCE((
    SELECT max(run.status) FROM agent_run run
    WHERE run.session_id = found.id AND run.status IN ('queued', 'running', 'waiting')
), '')"""
_WORKING = ("queued", "running")
_ENDED = {"succeeded": "done", "failed": "failed", "cancelled": "cancelled"}
# No EXISTS, which PostgreSQL may join with all sessions of batches.
_USED = """(
    SELECT session.id FROM agent_chatsession session WHERE session.batch_id = one.id LIMIT 1
) IS NOT NULL"""
_COUNTED = f"""(SELECT count(*) FROM (
    SELECT 1 FROM agent_run WHERE batch_id = batch.id AND status {{}} LIMIT {MAX_COUNTED}
) counted)"""


def _latest(wanted: Mapping[int, Collection[UUID]]) -> dict[UUID, list[Listed]]:
    """Returns the newest entries of each project, batches with no details yet. `wanted`: the projects of
    which so many entries are.
    """
    queries: list[str] = []
    parameters: list[Any] = []
    for most, projects in wanted.items():
        if projects:
            queries += _latest_queries(most)
            parameters += [_keys(projects)] * 2
    found: dict[UUID, list[tuple[str, Listed]]] = {}
    for kind, project, key, title, moment, last_seq, status in (
        raw_sql.rows(" UNION ALL ".join(queries), *parameters) if queries else ()
    ):
        state = "working" if status in _WORKING else ""
        session = _listed(key, title, moment if last_seq else None, state)
        one = session if kind == "session" else Listed(session.id, "", kind="batch")
        found.setdefault(UUID(str(project)), []).append((str(moment), one))
    return {
        project: [one for _, one in sorted(entries, key=itemgetter(0), reverse=True)]
        for project, entries in found.items()
    }


def _latest_queries(most: int) -> tuple[str, str]:
    of_session = "found.project_id, found.id, found.title, found.updated_at, found.last_seq"
    of_batch = "found.project_id, found.id, found.name, found.updated_at, 0, ''"
    sessions = _newest("agent_chatsession", "project_id", "one.batch_id IS NULL", most)
    batches = _newest("agent_batch", "project_id", _USED, most)
    return (
        f"SELECT 'session', {of_session}, {_STATE} {sessions}",
        f"SELECT 'batch', {of_batch} {batches}",
    )


def _batches(keys: Collection[str]) -> dict[str, Listed]:
    """Returns the batches with their latest sessions, and with how many of their runs have ended."""
    if not keys:
        return {}
    ids = _keys([UUID(key) for key in keys])
    newest = _newest("agent_chatsession", "batch_id", "1 = 1", MAX_OF_BATCH + 1)
    columns = f"found.batch_id, found.id, found.title, found.updated_at, {_STATE}"
    sessions: dict[str, list[Listed]] = {}
    for batch, key, title, moment, status in raw_sql.rows(f"SELECT {columns} {newest}", ids):
        state = "working" if status in _WORKING else ""
        sessions.setdefault(str(UUID(str(batch))), []).append(_listed(key, title, moment, state))
    statuses = [_COUNTED.format(f"= '{status}'") for status in _ENDED]
    works = _COUNTED.format("IN ('queued', 'running')")
    found = {}
    columns = f"batch.id, batch.name, batch.updated_at, {works}, {', '.join(statuses)}"
    query = f"SELECT {columns} {_BATCHES[connection.vendor]}"
    for key, name, moment, working, *numbers in raw_sql.rows(query, ids):
        entry = str(UUID(str(key)))
        latest = sorted(sessions.get(entry, ()), key=lambda one: one.at, reverse=True)
        found[entry] = Listed(
            entry,
            marked(name) or "Batch",
            _at(moment),
            "working" if working else "",
            _ended(numbers),
            "batch",
            tuple(latest[:MAX_OF_BATCH]),
            len(latest) > MAX_OF_BATCH,
        )
    return found


def _ended(numbers: Iterable[int]) -> str:
    """Returns e.g. "12 done · 1 failed"."""
    counted = (
        f"{number:,}{'+' if number == MAX_COUNTED else ''} {word}"
        for number, word in zip(numbers, _ENDED.values(), strict=True)
        if number or word == "done"
    )
    return " · ".join(counted)


def _newest(table: str, key: str, condition: str, most: int) -> str:
    compared = ">=" if key == "batch_id" else "="
    return _NEWEST[connection.vendor].format(
        table=table, key=key, compared=compared, condition=condition, most=most
    )


def _keys(keys: Iterable[UUID]) -> list[UUID] | str:
    """Returns the value of a query's list of keys."""
    if connection.features.has_native_uuid_field:
        return list(keys)
    return _json([key.hex for key in keys])


def _listed(key: Any, title: str, moment: Any, state: str, note: str = "") -> Listed:
    session = ChatSession(title=title)
    return Listed(str(UUID(str(key))), str(session), _at(moment), state, note)


def _at(moment: datetime | str | None) -> str:
    """`moment`: in UTC, a text on SQLite."""
    return f"{str(moment)[:19].replace(' ', 'T')}Z" if moment else ""
