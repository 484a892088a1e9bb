"""A pytest plugin: leaves out tests whose PostgreSQL, Redis, a browser or axe-core is not there, and says so.

With SAMURAI_REQUIRE_SERVICES=1 or CI=true such a test fails: nothing is left out unnoticed there.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = "left out"  # the property of a test's report that names the marker of what is not there


@cache
def have_postgresql() -> bool:
    url = os.environ.get("TEST_DATABASE_URL")
    if not url:
        return False
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


@cache
def initdb_path() -> str | None:
    """Returns the program that makes a cluster: on the path, or the newest of Debian's."""
    folders = [path for path in Path("/usr/lib/postgresql").glob("*") if path.name.isdigit()]
    newest = max(folders, key=lambda folder: int(folder.name), default=Path())
    return shutil.which("initdb") or shutil.which(newest / "bin" / "initdb")


@cache
def have_redis() -> bool:
    url = os.environ.get("TEST_REDIS_URL")
    if not url:
        return False
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5) as client:
            client.ping()
    except redis.RedisError:
        return False
    return True


@cache
def chromium_path() -> str | None:
    """Returns the program to start: $CHROMIUM, or the first of these on the path.

    The headless shell has no windows and menus of its own to draw, which takes a third of the time.
    """
    programs = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    names = (os.environ.get("CHROMIUM"), *programs)
    return next((path for name in names if name and (path := shutil.which(name))), None)


@cache
def firefox_path() -> str | None:
    """Returns the program to start: $FIREFOX, or Debian's or any other Firefox on the path."""
    names = (os.environ.get("FIREFOX"), "firefox-esr", "firefox")
    return next((path for name in names if name and (path := shutil.which(name))), None)


@cache
def have_prometheus() -> bool:
    return bool(shutil.which("prometheus") and shutil.which("promtool"))


@cache
def nginx_path() -> str | None:
    """Returns the program: on the path, or where Debian has it, which is only on the path of root."""
    return shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


SCREEN_READER = "@guidepup/virtual-screen-reader"
NPM_PACKAGES = ("acorn", "axe-core", "@ag-ui/client", "oidc-provider", SCREEN_READER)


@cache
def axe_path() -> Path | None:
    """Returns axe-core's script."""
    script = _of_npm() / "axe-core" / "axe.min.js"
    return script if script.exists() else None


@cache
def screen_reader_path() -> Path | None:
    """Returns the script of Guidepup's virtual screen reader."""
    script = _of_npm() / SCREEN_READER / "lib" / "esm" / "index.browser.js"
    return script if script.exists() else None


@cache
def node_path() -> str | None:
    """Returns the program that runs AG-UI's client and the sign-in provider, which are there then."""
    packages = [_of_npm() / name for name in ("@ag-ui/client", "oidc-provider")]
    return shutil.which("node") if all(package.exists() for package in packages) else None


@cache
def _of_npm() -> Path:
    """Returns the folder of the packages in package.json; installs them when they are missing."""
    folder, npm = ROOT / "node_modules", shutil.which("npm")
    with (ROOT / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the workers of a test run come here at the same time
        there = all((folder / name).exists() for name in NPM_PACKAGES)
        if not there and npm is not None:
            command = [npm, "ci", "--no-audit", "--no-fund", "--loglevel", "error"]
            subprocess.run(command, cwd=ROOT, check=False, timeout=120)
    return folder


# By marker: is it there, and what a person does to have it.
SERVICES: dict[str, tuple[Callable[[], Any], str, str]] = {
    "postgresql": (have_postgresql, "PostgreSQL", "set TEST_DATABASE_URL to a database for tests"),
    "own_postgresql": (initdb_path, "PostgreSQL's initdb", "install PostgreSQL's server here"),
    "redis": (have_redis, "Redis", "set TEST_REDIS_URL"),
    "browser": (chromium_path, "Chromium", "install it, or set CHROMIUM to its program"),
    "firefox": (firefox_path, "Firefox", "install it, or set FIREFOX to its program"),
    "axe": (axe_path, "axe-core", "install npm, which fetches it"),
    "screen_reader": (screen_reader_path, "a screen reader", "install npm, which fetches it"),
    "curl": (partial(shutil.which, "curl"), "curl", "install it"),
    "prometheus": (have_prometheus, "Prometheus", "install it, with promtool"),
    "nginx": (nginx_path, "nginx", "install it"),
    "node": (node_path, "Node.js", "install nodejs and npm, which fetches its packages"),
}


def required() -> bool:
    return any(
        os.environ.get(name, "").lower() in ("1", "true", "yes")
        for name in ("CI", "SAMURAI_REQUIRE_SERVICES")
    )


def redis_of_worker(url: str, worker: str) -> str:
    """Returns the URL of a database of the worker's own: those of Redis are numbered, mostly to 15."""
    address = urlsplit(url)
    number = int(address.path.strip("/") or 0) + int(worker.removeprefix("gw"))
    return address._replace(path=f"/{number % 16}").geturl()


def pytest_configure() -> None:
    url, worker = os.environ.get("TEST_REDIS_URL"), os.environ.get("PYTEST_XDIST_WORKER")
    if url and worker:
        os.environ["TEST_REDIS_URL"] = redis_of_worker(url, worker)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, (there, name, remedy) in SERVICES.items():
        if item.get_closest_marker(marker) is None or there():
            continue
        if required():
            pytest.fail(f"{name} is not there: {remedy}", pytrace=False)
        item.user_properties.append((LEFT_OUT, marker))
        pytest.skip(f"{name} is not there")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.getreports("skipped")
    properties = chain.from_iterable(report.user_properties for report in skipped)
    left_out = Counter(str(marker) for name, marker in properties if name == LEFT_OUT)
    if not left_out:
        return
    terminalreporter.section("Tests left out")
    for marker, count in left_out.items():
        _, name, remedy = SERVICES[marker]
        terminalreporter.line(f"{count} that need {name}. To run them: {remedy}.")
    terminalreporter.line(
        "On Debian, as root, `.ci/run` installs and starts all of it and runs everything."
    )
