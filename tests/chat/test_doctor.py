"""`manage.py doctor` against real set-ups that work, and against those that are broken in one place."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chat.doctor import findings, outside, storage
from chat.doctor.findings import Check, ok
from chat.doctor.site import Site
from chat.doctor.streams import streams
from tests.support import forked
from tests.support.busy_model import thinking
from tests.support.databases import seeded_database
from tests.support.model_server import ModelServer
from tests.support.nginx import nginx
from tests.support.server import (
    PATIENCE,
    ROOT,
    ServerProcess,
    WorkerProcess,
    free_port,
    send,
    until,
    watching,
)

# nginx holds back what it compresses; what it does not compress, it passes on at once although it buffers.
GZIP = "gzip on; gzip_types text/event-stream; gzip_proxied any; gzip_min_length 0;"
Found = dict[str, list[tuple[str, str]]]


def doctor(process: ServerProcess, address: str, **env: str) -> tuple[int, Found]:
    """Returns the exit code, and by name of a check the level and the text of each finding."""
    command = [sys.executable, "manage.py", "doctor", address, "--json"]
    settings = {**process.env, **env}
    done = forked.run(command, cwd=ROOT, env=settings, text=True, timeout=2 * PATIENCE)
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    found: Found = {}
    for one in told["findings"]:
        assert one["text"].endswith("."), one
        assert bool(one["remedy"]) == (one["level"] != "ok"), one
        found.setdefault(one["name"], []).append((one["level"], one["text"]))
    levels = [level for ones in found.values() for level, _ in ones]
    assert told["levels"] == {level: levels.count(level) for level in set(levels)}
    assert done.returncode == ("error" in levels), done.stderr
    return done.returncode, found


def errors(found: Found) -> dict[str, str]:
    return {name: text for name, ones in found.items() for level, text in ones if level == "error"}


# -- through a proxy ---------------------------------------------------------------------------------


class Sites:
    """Servers below a path, each behind nginx at an address that stays, with changes of its site."""

    def __init__(self, folder: Path, source: Path, seed: dict[str, Any]) -> None:
        self.folder, self._source, self._seed = folder, source, seed
        self._servers: dict[str, tuple[ServerProcess, int]] = {}
        self.certificate = folder / "certificate"
        _certify(folder / "key", self.certificate)

    def server(self, scheme: str, site_url: str = "") -> tuple[ServerProcess, int]:
        """Returns the server, started when it is the first time, and the port of its nginx."""
        key = site_url or scheme
        if key not in self._servers:
            port, var = free_port(), self.folder / f"var{len(self._servers)}"
            shutil.copytree(self._source, var)
            url = site_url or f"{scheme}://127.0.0.1:{port}/samurai"
            self._servers[key] = ServerProcess(var, self._seed, SITE_URL=url), port
            self._servers[key][0].start()
        return self._servers[key]

    @contextlib.contextmanager
    def behind_nginx(
        self, changes: dict[str, str] | None = None, scheme: str = "http", site_url: str = ""
    ) -> Iterator[tuple[ServerProcess, str]]:
        """Gives the server and the address."""
        server, port = self.server(scheme, site_url)
        changes = dict(changes or {})
        if scheme == "https":
            listen = f"listen 127.0.0.1:{port}"
            files = f"ssl_certificate {self.certificate}; ssl_certificate_key {self.folder}/key;"
            changes[f"{listen};"] = f"{listen} ssl; {files}"
        with nginx(self.folder, port, server.port, changes):
            yield server, f"{scheme}://127.0.0.1:{port}/samurai"

    def stop(self) -> None:
        for server, _ in self._servers.values():
            server.stop(signal.SIGKILL)


def _certify(key: Path, certificate: Path) -> None:
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run([*command, *files, *subject], check=True, capture_output=True)


@pytest.fixture(scope="module")
def sites(
    tmp_path_factory: pytest.TempPathFactory, seeded_var: tuple[Path, dict[str, Any]]
) -> Iterator[Sites]:
    sites = Sites(tmp_path_factory.mktemp("sites"), *seeded_var)
    yield sites
    sites.stop()


def seen_from_outside(server: ServerProcess, address: str, settings: Any) -> Found:
    """Returns what the checks from outside find with the settings of the server."""
    settings.SITE_URL, settings.SITE_PATH = server.env["SITE_URL"], "/samurai"
    site, found = Site(address), Found()
    stream = Check("stream", lambda: streams(site))
    ones = [outside.reach(site), *findings.run_all([stream], PATIENCE)]
    ones += findings.run_all(outside.checks(site), PATIENCE)
    for one in ones:
        found.setdefault(one.name, []).append((one.level, one.text))
    return found


@pytest.mark.nginx
def test_the_site_of_the_guide_has_no_error(sites: Sites) -> None:
    with sites.behind_nginx() as (server, address):
        code, found = doctor(server, address)
    assert (code, errors(found)) == (0, {})
    proxy = ("address", "host", "https", "cookies", "forms", "websocket", "stream", "ready")
    for name in (*proxy, "database", "clock", "queue", "model", "redis", "engine"):
        assert {level for level, _ in found[name]} == {"ok"}, name
    assert {level for level, _ in found["backup"]} == {"unknown"}


@pytest.mark.nginx
def test_the_site_of_the_guide_has_no_error_over_https(
    sites: Sites, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sites.behind_nginx(scheme="https") as (server, address):
        code, found = doctor(server, address)  # a certificate that nobody trusts
        assert code == 1
        assert "certificate of 127.0.0.1 is not valid" in errors(found)["address"]
        monkeypatch.setenv("SSL_CERT_FILE", str(sites.certificate))
        found = seen_from_outside(server, address, settings)
    assert {level for ones in found.values() for level, _ in ones} == {"ok"}, found
    assert found["cookies"] == [("ok", "Cookies are Secure, SameSite=Lax.")]


@pytest.mark.nginx
@pytest.mark.parametrize(
    ("changes", "name", "level", "text"),
    [
        (
            {"proxy_set_header Upgrade $http_upgrade;": ""},
            "websocket",
            "error",
            "the proxy does not pass it on",
        ),
        (
            {"proxy_buffering off;": f"proxy_buffering on; {GZIP}"},
            "stream",
            "warning",
            "holds responses",
        ),
        (
            {"proxy_buffering off;": f"proxy_ignore_headers X-Accel-Buffering; {GZIP}"},
            "stream",
            "error",
            "s after they were sent",
        ),
        (
            {"proxy_set_header Host $http_host;": "proxy_set_header Host elsewhere.example;"},
            "host",
            "error",
            "does not answer to the host name 127.0.0.1",
        ),
    ],
    ids=["no upgrade", "buffering", "buffering of streams", "wrong host"],
)
def test_what_the_proxy_does_wrong_is_found(
    sites: Sites, settings: Any, changes: dict[str, str], name: str, level: str, text: str
) -> None:
    with sites.behind_nginx(changes) as (server, address):
        found = seen_from_outside(server, address, settings)
    ((found_level, found_text),) = found[name]
    assert (found_level, text in found_text) == (level, True), found_text


@pytest.mark.nginx
@pytest.mark.parametrize(
    ("changes", "site_url", "expected"),
    [
        ({}, "http://127.0.0.1/samurai", {"https", "cookies"}),
        ({"proxy_set_header X-Forwarded-Proto $scheme;": ""}, "", {"https"}),
        (
            {
                "X-Forwarded-Proto $scheme;": "X-Forwarded-Proto $told;",
                "upstream samurai {": "map $http_x_forwarded_proto $told { default "
                '$http_x_forwarded_proto; "" $scheme; }\nupstream samurai {',
            },
            "",
            {"https"},
        ),
    ],
    ids=["http behind https", "no forwarded header", "a forged one"],
)
def test_https_that_the_server_does_not_know_of_is_found(
    sites: Sites,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str],
    site_url: str,
    expected: set[str],
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(sites.certificate))
    with sites.behind_nginx(changes, "https", site_url) as (server, address):
        found = seen_from_outside(server, address, settings)
    assert expected <= set(errors(found)), found


def test_an_address_where_nobody_answers_is_found_and_the_rest_is_checked(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    code, found = doctor(server, f"http://127.0.0.1:{free_port()}")
    assert (code, set(errors(found))) == (1, {"address"})
    assert "websocket" not in found
    assert found["database"] == [("ok", "The database is reachable and migrated.")]


def test_an_address_that_hangs_ends_in_time(make_server: Callable[..., ServerProcess]) -> None:
    server = make_server()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        code, found = doctor(server, f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - began < PATIENCE
    assert "TimeoutError" in errors(found)["address"]
    assert code == 1


# -- the parts -----------------------------------------------------------------------------------------


def test_a_check_that_hangs_or_raises_is_unknown_and_the_others_are_told() -> None:
    def hang() -> list[Any]:
        time.sleep(PATIENCE)
        return []

    def fail() -> list[Any]:
        raise ZeroDivisionError

    checks = [Check("a", hang), Check("b", lambda: [ok("b", "Fine.")]), Check("c", fail)]
    began = time.monotonic()
    found = findings.run_all(checks, 0.5)
    assert time.monotonic() - began < PATIENCE / 2
    assert [(one.name, one.level) for one in found] == [
        ("a", "unknown"),
        ("b", "ok"),
        ("c", "unknown"),
    ]
    assert "ZeroDivisionError" in found[2].text


def test_a_dead_model_and_weak_settings_are_found(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server(
        OPENAI_BASE_URL=f"http://127.0.0.1:{free_port()}/v1",
        OPENAI_API_KEY="sk-secret",
        DEBUG="true",
        SECRET_KEY="short",
        ALLOWED_HOSTS="*",
    )
    (server.var / "secret_key").chmod(0o644)
    code, found = doctor(server, server.url)
    assert code == 1
    assert "structured answer failed" in errors(found)["model"]
    assert "may read" in errors(found)["permissions"]
    assert ("warning", "ALLOWED_HOSTS lets the server answer to every name.") in found["host"]
    assert {"W009", "W018"} <= {text[-6:-2] for _, text in found["deploy"]}
    assert "sk-secret" not in json.dumps(found)


def test_the_age_of_the_newest_backup_is_told(tmp_path: Path, settings: Any) -> None:
    def told() -> tuple[str, str]:
        (finding,) = storage.backup()
        return finding.level, finding.text

    assert told()[0] == "unknown"
    settings.SAMURAI_BACKUPS = str(tmp_path)
    assert told() == ("error", f"There is no backup at {tmp_path}.")
    for name, hours in (("old", 200), ("late", 30), ("new", 3)):
        (tmp_path / name).write_text("rows")
        made = time.time() - hours * 3600
        os.utime(tmp_path / name, (made, made))
        level = {"old": "error", "late": "warning", "new": "ok"}[name]
        age = {"old": "8 days", "late": "30 hours", "new": "3 hours"}[name]
        assert told() == (level, f"The newest backup is {age} old.")
    settings.SAMURAI_BACKUPS = str(tmp_path / "late")
    assert told()[0] == "warning"
    (tmp_path / "empty").touch()
    settings.SAMURAI_BACKUPS = str(tmp_path / "empty")
    assert told()[0] == "error"


async def test_a_queue_that_is_full_is_found(make_server: Callable[..., ServerProcess]) -> None:
    with ModelServer(thinking((PATIENCE, PATIENCE))) as model:
        server = await asyncio.to_thread(
            lambda: make_server(
                OPENAI_BASE_URL=model.base_url, OPENAI_API_KEY="key", SAMURAI_MAX_ACTIVE_RUNS="1"
            )
        )
        for session in (server.session, server.other_session):
            async with watching(server, session=session) as viewer:
                await send(viewer, "Create a task to sweep")
                status = "running" if session == server.session else "queued"
                await until(viewer, lambda f, s=status: f["type"] == "run" and f["status"] == s)  # type: ignore[misc]
        server.change("UPDATE agent_run SET created_at = datetime(created_at, '-1 minute')")
        _, found = await asyncio.to_thread(doctor, server, server.url)
        ((level, text),) = found["queue"]
        assert (level, text.endswith("; 1 are executed.")) == ("warning", True), text
        await asyncio.to_thread(server.stop, signal.SIGKILL)
        server.change("UPDATE agent_run SET lease_until = NULL")
        _, found = await asyncio.to_thread(doctor, server, server.url)
        assert "none is executed" in errors(found)["queue"]


@pytest.mark.postgresql
@pytest.mark.redis
def test_workers_that_are_there_and_that_are_not(tmp_path: Path) -> None:
    with seeded_database(tmp_path) as (url, seed):
        env = {
            "DATABASE_URL": url,
            "REDIS_URL": os.environ["TEST_REDIS_URL"],
            "SAMURAI_ENGINE": "procrastinate",
        }
        server = ServerProcess(tmp_path, seed, **env)
        worker = WorkerProcess(tmp_path, "worker", **env)
        try:
            server.start()
            code, found = doctor(server, server.url)
            assert (code, set(errors(found))) == (1, {"ready", "engine"})
            assert server.rows("SELECT count(*) FROM procrastinate_jobs") == [(0,)]
            worker.start()
            give_up = time.monotonic() + PATIENCE
            while not server.rows("SELECT 1 FROM procrastinate_workers"):
                assert time.monotonic() < give_up
                time.sleep(0.1)
            code, found = doctor(server, server.url)
            assert (code, errors(found)) == (0, {})
            assert "took a job" in found["engine"][0][1]
            worker.send_signal(signal.SIGSTOP)
            _, found = doctor(server, server.url, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
            assert "Redis does not answer" in errors(found)["redis"]
            assert found["engine"][0][0] in ("warning", "error")
        finally:
            worker.stop(signal.SIGKILL)
            server.stop(signal.SIGKILL)
