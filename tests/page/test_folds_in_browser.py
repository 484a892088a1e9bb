"""The page's two folds over one log, the server's and the script's, show the same at every event."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support import story
from tests.support.browser import Visit
from tests.support.fake_socket import FakeSocket, seen
from tests.support.server import ServerProcess

pytestmark = pytest.mark.browser


def keep(server: ServerProcess, first: int, last: int) -> None:
    """Puts the story's events `first` to `last` into the log, past the server."""
    with closing(sqlite3.connect(server.var / "db.sqlite3", timeout=20)) as database, database:
        session = server.session.replace("-", "")
        (user,) = database.execute("SELECT id FROM auth_user WHERE username = 'alice'").fetchone()
        for seq, type, run, body in story.rows()[first - 1 : last]:
            key = run.replace("-", "") if run else None
            if (
                key
                and not database.execute("SELECT 1 FROM agent_run WHERE id = ?", [key]).fetchone()
            ):
                _keep_run(database, session, key, user)
            database.execute(
                "INSERT INTO agent_event (session_id, seq, run_id, type, body) VALUES (?,?,?,?,?)",
                [session, seq, key, type, body],
            )
        database.execute("UPDATE agent_chatsession SET last_seq = ? WHERE id = ?", [last, session])


def _keep_run(database: sqlite3.Connection, session: str, key: str, user: int) -> None:
    """A row for the run's events to hang on; "waiting", so that no engine takes it up."""
    message = {"id": key, "session_id": session, "role": "user", "content": "Hi"}
    _insert(database, "agent_message", {**message, "created_at": "2026-03-04 09:30:00"})
    (number,) = database.execute("SELECT count(*) FROM agent_run").fetchone()
    run = {"id": key, "session_id": session, "message_id": key, "number": number + 1}
    blank = {"status": "waiting", "approval": "auto", "created_by_id": user}
    _insert(database, "agent_run", {**run, **blank, "created_at": "2026-03-04 09:30:00"})


def _insert(database: sqlite3.Connection, table: str, known: dict[str, Any]) -> None:
    """Inserts a row; a column that is not known gets an empty value of its type."""
    row = dict(known)
    for _, name, type, needed, *_ in database.execute(f"PRAGMA table_info({table})").fetchall():
        if needed and name not in row:
            row[name] = 0 if "int" in type.lower() or type == "bool" else ""
            row[name] = "{}" if name in ("usage", "given") else row[name]
    marks = ",".join("?" * len(row))
    database.execute(f"INSERT INTO {table} ({','.join(row)}) VALUES ({marks})", list(row.values()))


@pytest.mark.long
def test_live_events_and_a_reload_show_the_same_after_every_event(visit: Visit) -> None:
    page = visit.page
    frames = story.story()
    socket = FakeSocket(page)
    visit.live()
    watcher = visit.open()
    FakeSocket(watcher)
    for seq, frame in enumerate(frames, 1):
        keep(visit.server, seq, seq)
        socket.send(frame)
        visit.wait(lambda seq=seq: seen(page) == seq)  # type: ignore[misc]  # bound at once
        watcher.goto(visit.address)
        watcher.locator('#connection[data-state="live"]').wait_for()
        # The board's rows are not in this story, the events alone are.
        live, reloaded = (visit.shown(one).split("\n\n")[0] for one in (page, watcher))
        assert live == reloaded, frame


def test_a_gap_in_the_numbers_is_never_passed_over(visit: Visit) -> None:
    socket, frames = FakeSocket(visit.page), story.story()
    visit.live()
    socket.send(frames[0])
    socket.send(frames[0])  # a second time: passed over
    socket.send(frames[4])
    visit.wait(lambda: len(socket.addresses) == 2)
    queries = [parse_qs(urlsplit(address).query) for address in socket.addresses]
    assert [query["after"] for query in queries] == [["0"], ["1"]]
    assert seen(visit.page) == 1
    assert visit.page.locator(".said p").count() == 1


def test_pages_come_back_at_different_moments_and_ever_later(visit: Visit) -> None:
    page = visit.live()
    waits = page.evaluate(
        """async () => {
          const { backoff } = await import("/static/chat/transport/connection.js");
          return [0, 1, 2, 3, 4, 5, 6, 50].map((attempt) => [backoff(attempt, 0), backoff(attempt, 1)]);
        }"""
    )
    assert all(0 < least == most / 2 for least, most in waits)
    longest = [most for _, most in waits]
    assert longest == sorted(longest)
    assert longest[-1] == longest[-2] == 30_000


def test_a_page_that_comes_late_goes_on_from_any_place(visit: Visit) -> None:
    page = visit.page
    frames = story.story()
    socket = FakeSocket(page)
    ends = set()
    places = [0, 5, 13, 26, 30, 41, 56, 60, 72, 80, 88]
    for before, place in zip([0, *places], places, strict=False):
        keep(visit.server, before + 1, place)
        visit.live()
        for frame in frames[place:]:
            socket.send(frame)
        visit.wait(lambda: seen(page) == len(frames))
        ends.add(visit.shown().split("\n\n")[0])
    assert len(ends) == 1
