"""The settings of the database."""

from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from samurai_site import data_folder

STALLED_AFTER = 10.0  # seconds without a heartbeat after which a process counts as dead


def configured(url: str, folder: Path) -> dict[str, Any]:
    """Returns the default database's settings, with the options that concurrent runs need.

    Without a `url` it is SQLite in `folder`.
    """
    if not url:
        data_folder.keep_private(folder / "db.sqlite3")
        url = f"sqlite:///{folder / 'db.sqlite3'}"
    try:
        config: dict[str, Any] = {**dj_database_url.parse(url)}
    except (ValueError, KeyError, dj_database_url.ParseError, dj_database_url.UnknownSchemeError):
        raise ImproperlyConfigured(
            "DATABASE_URL must have the form postgresql://user@host/name."
        ) from None
    if config["ENGINE"].endswith("sqlite3"):
        return config | _of_sqlite(folder)
    if config["ENGINE"].endswith("postgresql"):
        return config | _of_postgresql(config.get("OPTIONS", {}))
    raise ImproperlyConfigured("DATABASE_URL must be a SQLite or PostgreSQL database.")


def _of_sqlite(folder: Path) -> dict[str, Any]:
    options = {
        # With Django's defaults, concurrent runs fail with "database is locked".
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    return {"CONN_MAX_AGE": 60, "OPTIONS": options, "TEST": {"NAME": str(folder / "test.sqlite3")}}


def _of_postgresql(given: dict[str, Any]) -> dict[str, Any]:
    """`given`: the options of the URL."""
    # Without it, a process that freezes in a transaction keeps its locks, and no other process can take its
    # runs over.
    idle = f"-c idle_in_transaction_session_timeout={STALLED_AFTER:.0f}s "
    options = {
        **given,
        "pool": {"min_size": 2, "max_size": 16, "timeout": 10},
        "options": idle + given.get("options", ""),
    }
    return {"CONN_MAX_AGE": 0, "OPTIONS": options}  # required by the pool, which keeps connections
