"""A look at the database by a connection of its own: is it reachable and migrated, do workers live?

Neither retries nor waits for a pool, so that it tells of an outage at once. Imports no migration.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings

from agent.support import database

if TYPE_CHECKING:
    import psycopg  # otherwise only where it is used: on SQLite, nothing needs its 9 MB

CONNECT_SECONDS = 2
_APPLIED = "SELECT app, name FROM django_migrations"
_ALIVE = (
    "SELECT EXISTS (SELECT 1 FROM procrastinate_workers"
    " WHERE last_heartbeat > now() - make_interval(secs => %s))"
)


class DatabaseProbe:
    """Looks at the default database. For one thread, which keeps the connection to PostgreSQL."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None

    def look(self) -> tuple[str, str]:
        """Returns the code of what is wrong with the database, and with the workers; "" if nothing is.

        Codes: `unreachable`, `not_migrated`; of workers `no_worker`, or `unreachable` as well.
        """
        if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
            return _look_at_file(str(settings.DATABASES["default"]["NAME"])), ""
        return self._look_at_server()

    def _look_at_server(self) -> tuple[str, str]:
        import psycopg

        for _ in range(2):  # again after a restart, which has cut the kept connection
            is_kept = self._connection is not None
            try:
                return self._ask()
            except psycopg.errors.UndefinedTable:
                return "not_migrated", "no_worker"
            except psycopg.Error:
                self.close()
                if not is_kept:
                    break
        return "unreachable", "unreachable"

    def _ask(self) -> tuple[str, str]:
        import psycopg

        if self._connection is None:
            # Without answers to what was sent, the system closes the connection.
            limits = {
                "connect_timeout": CONNECT_SECONDS,
                "tcp_user_timeout": CONNECT_SECONDS * 1000,
            }
            parameters = {**database.parameters(), **limits}
            self._connection = psycopg.connect(**parameters, autocommit=True)
        applied = self._connection.execute(_APPLIED).fetchall()
        problem = "" if is_migrated(applied) else "not_migrated"
        if settings.SAMURAI_ENGINE != "procrastinate":
            return problem, ""
        alive = self._connection.execute(_ALIVE, [settings.STALLED_AFTER]).fetchone()
        return problem, "" if alive == (True,) else "no_worker"

    def close(self) -> None:
        if self._connection is not None:
            with suppress(Exception):  # it is broken already
                self._connection.close()
            self._connection = None


def _look_at_file(name: str) -> str:
    # Opened anew: a connection that is open keeps a deleted file. `rw` creates none.
    address = f"{Path(name).absolute().as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=1.0)) as connection:
            applied = connection.execute(_APPLIED).fetchall()
    except sqlite3.Error as error:
        return "not_migrated" if "no such table" in str(error) else "unreachable"
    return "" if is_migrated(applied) else "not_migrated"


def is_migrated(applied: Iterable[tuple[Any, ...]]) -> bool:
    """Tells whether all migrations of this version are among `applied`: (app, name)."""
    return migrations() <= set(applied)


@cache
def migrations() -> frozenset[tuple[str, str]]:
    """Returns (app, name) of each migration, by the names of the files."""
    return frozenset(
        (config.label, module.name)
        for config in apps.get_app_configs()
        if (spec := find_spec(f"{config.name}.migrations")) is not None
        for module in iter_modules(spec.submodule_search_locations)
        if not module.ispkg and module.name[0] not in "_~"
    )
