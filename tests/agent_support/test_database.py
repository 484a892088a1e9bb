"""What of a database's errors is tried again, and what a URL asks of a connection."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from django.db import InternalError, connection

from agent.support import database
from samurai_site.database import configured


def frozen(postgresql: psycopg.Connection) -> None:
    postgresql.execute("SET idle_in_transaction_session_timeout = '50ms'")
    postgresql.commit()
    postgresql.execute("SELECT 1")
    told, _, _ = select.select([postgresql.fileno()], [], [], 20)  # that the server ended it
    assert told
    postgresql.execute("SELECT 1")


def failed(postgresql: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        postgresql.execute("SELECT 1 / 0")
    postgresql.execute("SELECT 1")


def attempts(do: Callable[[psycopg.Connection], None]) -> int:
    """Returns how often `do` was tried: it is done at the first time only."""
    calls: list[int] = []

    def once() -> None:
        calls.append(1)
        if len(calls) > 1:
            return
        try:
            with psycopg.connect(os.environ["TEST_DATABASE_URL"]) as postgresql:
                do(postgresql)
        except psycopg.InternalError as error:
            raise InternalError(str(error)) from error

    try:
        database.retry_while_unreachable(once)
    except InternalError:
        assert len(calls) == 1
    return len(calls)


@pytest.mark.django_db(transaction=True)
def test_a_connection_is_kept_for_a_while_where_that_is_asked_for_unless_there_was_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[str] = []
    monkeypatch.setattr(database, "close_old_connections", lambda: closed.append("closed"))
    connection.ensure_connection()
    connection.close_at = (
        time.monotonic() - 1
    )  # as in a pool, whose connections are given back at once

    database.retry_while_unreachable(list, keep=60)
    assert not closed
    database.retry_while_unreachable(list)
    assert len(closed) == 1
    monkeypatch.setattr(connection, "errors_occurred", True)
    database.retry_while_unreachable(list, keep=60)
    assert len(closed) == 2


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_postgresql_ended_is_tried_again_and_a_failed_one_is_not() -> None:
    assert attempts(frozen) == 2
    assert attempts(failed) == 1


def test_the_url_may_ask_for_more_of_a_connection(tmp_path: Path) -> None:
    asked = "sslmode=require&options=-c%20statement_timeout%3D60s"
    url = f"postgresql://samurai@db.example/samurai?{asked}"
    options = configured(url, tmp_path)["OPTIONS"]
    assert options["sslmode"] == "require"
    assert options["pool"]["max_size"] == 16
    assert options["options"].split(" -c ")[1:] == ["statement_timeout=60s"]
    assert options["options"].startswith("-c idle_in_transaction_session_timeout=10s ")
