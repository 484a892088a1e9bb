"""Databases without rows and with the cast: migrated once, and copied for each test that needs one.

To migrate takes seconds of work, and a test run has several workers and many servers. What is migrated is
kept for the next test runs, until a migration or a package changes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import connections
from django.test import TransactionTestCase

from tests.support import forked
from tests.support.server import (
    ROOT,
    Process,
    ServerProcess,
    create_database,
    drop_database,
    environment,
    new_database,
    seeded,
    url_of_database,
)

# Environment variables, which the workers of a test run inherit.
FOLDER = "SAMURAI_TEST_RUN"
CACHE = "SAMURAI_TEST_CACHE"  # a folder that the next test runs find again
# What Django works out after migrations, in the order in which rows refer to others.
MIGRATED = [model._meta.db_table for model in (ContentType, Permission)]


def pytest_configure(config: pytest.Config) -> None:
    Process.popen = forked.Popen
    if not hasattr(config, "workerinput"):
        os.environ[FOLDER] = tempfile.mkdtemp()
        cache = getattr(config, "cache", None)  # none where pytest is told to keep nothing
        os.environ[CACHE] = str(cache.mkdir("migrated")) if cache else os.environ[FOLDER]


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    folder = Path(os.environ.pop(FOLDER))
    for template in folder.glob("*/template"):
        drop_database(template.read_text())
    shutil.rmtree(folder)


def _once(name: str, make: Callable[[Path], None]) -> Path:
    """Returns a folder that `make` fills for the first who asks for `name` in this test run."""
    folder = Path(os.environ[FOLDER]) / name
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = folder.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder


# -- SQLite ------------------------------------------------------------------------------------------


def _migrate(var: Path, **env: str) -> None:
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    subprocess.run(command, cwd=ROOT, env=environment(var, **env), check=True)


def _version() -> str:
    """Returns a text that changes with what a migrated database depends on."""
    files = [ROOT / "requirements.lock", *sorted(ROOT.glob("*/migrations/**/*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _migrate_first(var: Path) -> None:
    kept = Path(os.environ[CACHE]) / _version()
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=kept.parent, ignore_cleanup_errors=True) as new:
            _migrate(Path(new))
            with contextlib.suppress(OSError):  # another test run was quicker
                Path(new).rename(kept)
    shutil.copytree(kept, var, dirs_exist_ok=True)


def _migrated() -> Path:
    return _once("migrated", _migrate_first)


def _seed(var: Path) -> None:
    shutil.copytree(_migrated(), var, dirs_exist_ok=True)
    (var / "seed.json").write_text(json.dumps(seeded(var)))


@pytest.fixture
def migrated_var(tmp_path: Path) -> Path:
    """A folder with a migrated SQLite database of its own."""
    return Path(shutil.copytree(_migrated(), tmp_path, dirs_exist_ok=True))


@pytest.fixture(scope="session")
def seeded_var() -> tuple[Path, dict[str, Any]]:
    """A folder with the cast in a SQLite database, which is copied for each server."""
    var = _once("seeded", _seed)
    return var, json.loads((var / "seed.json").read_text())


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """The database of the tests in this process: pytest-django finds it migrated."""
    engine: str = settings.DATABASES["default"]["ENGINE"]
    return engine.endswith("sqlite3")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_keepdb: bool) -> Iterator[None]:
    """A file of this process: somebody may run tests in the same folder at the same time.

    It stays open: SQLite would move its log into the file whenever a test closes its last connection. It
    does not outlive the test run, so no commit waits for the disk.
    """
    if not django_db_keepdb:
        yield
        return
    path = Path(os.environ[FOLDER]) / f"test-{os.getpid()}.sqlite3"
    shutil.copy(_migrated() / "db.sqlite3", path)
    settings.DATABASES["default"]["TEST"]["NAME"] = str(path)
    settings.DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"
    with contextlib.closing(sqlite3.connect(path)) as opened:
        opened.execute("PRAGMA journal_mode=WAL").fetchall()
        opened.execute("SELECT count(*) FROM sqlite_master").fetchall()
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    """After a test whose transactions are real, Django empties all tables and works out the content types
    and permissions anew. Here it does so once; afterwards these two stay, and what a test changed in
    them is undone.
    """
    kept: dict[str, _Kept] = {}
    flush_all = TransactionTestCase._fixture_teardown

    def flush(test: Any) -> None:
        for name in test._databases_names(include_mirrors=False):
            if name not in kept:
                flush_all(test)
                kept[name] = _Kept(name)
            kept[name].restore()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", flush)
        yield


class _Kept:
    """What is left of a database after a test: the rows of `MIGRATED`, and no others."""

    def __init__(self, name: str) -> None:
        self.connection = connections[name]
        names = self.connection.introspection.django_table_names(
            only_existing=True, include_views=False
        )
        self._others = self._emptying(name for name in names if name not in MIGRATED)
        self._migrated = self._emptying(reversed(MIGRATED))
        with self.connection.cursor() as cursor:
            self._rows = {table: _rows(cursor, table) for table in MIGRATED}

    def _emptying(self, tables: Iterable[str]) -> list[str]:
        statements: list[str] = self.connection.ops.sql_flush(no_style(), list(tables))
        return statements

    def restore(self) -> None:
        self.connection.ops.execute_sql_flush(self._others)
        with self.connection.cursor() as cursor:
            if any(_rows(cursor, table) != rows for table, rows in self._rows.items()):
                self.connection.ops.execute_sql_flush(self._migrated)
                for table, rows in self._rows.items():
                    values = ", ".join(["%s"] * len(rows[0]))
                    cursor.executemany(f"INSERT INTO {table} VALUES ({values})", rows)
        ContentType.objects.clear_cache()


def _rows(cursor: Any, table: str) -> list[Any]:
    cursor.execute(f"SELECT * FROM {table}")
    return list(cursor.fetchall())


# -- PostgreSQL --------------------------------------------------------------------------------------


def settings_of(name: str) -> dict[str, str]:
    nowhere = "redis://127.0.0.1:1/0"  # the engine asks for one; nothing uses it here
    return {
        "DATABASE_URL": url_of_database(name),
        "REDIS_URL": nowhere,
        "SAMURAI_ENGINE": "procrastinate",
    }


def _new_template(folder: Path, source: str) -> str:
    name = create_database(source)
    (folder / "template").write_text(name)  # by which it is dropped at the end
    return name


def _migrate_template(folder: Path) -> None:
    _migrate(folder, **settings_of(_new_template(folder, "template1")))


def _seed_template(folder: Path) -> None:
    name = _new_template(folder, _migrated_template())
    (folder / "seed.json").write_text(json.dumps(seeded(folder, **settings_of(name))))


def _migrated_template() -> str:
    return (_once("migrated_template", _migrate_template) / "template").read_text()


def migrated_database() -> contextlib.AbstractContextManager[str]:
    """A migrated PostgreSQL database of its own, without rows; gives its URL."""
    return new_database(_migrated_template())


def run_on_postgresql(program: str, var: Path) -> subprocess.CompletedProcess[Any]:
    """Runs a program in Python, to its end, on a migrated PostgreSQL database of its own."""
    with migrated_database() as url:
        env = environment(var, DATABASE_URL=url, DJANGO_SETTINGS_MODULE="samurai_site.settings")
        done = forked.run([sys.executable, "-c", program], cwd=ROOT, env=env, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done


@contextlib.contextmanager
def seeded_database(var: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """A migrated PostgreSQL database with the cast; gives its URL and who is in it."""
    source = _once("seeded_template", _seed_template)
    shutil.copytree(source, var, dirs_exist_ok=True)
    with new_database((source / "template").read_text()) as url:
        yield url, json.loads((source / "seed.json").read_text())


@pytest.fixture
def postgresql_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server on a PostgreSQL database of its own."""
    with seeded_database(tmp_path) as (url, seed):
        server = ServerProcess(tmp_path, seed, DATABASE_URL=url)
        try:
            server.start()
            yield server
        finally:
            server.stop(signal.SIGKILL)
