"""`/metrics` of a real server: who may read it, and that its numbers are those of the event log."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from agent.runs import claiming
from tests.support.scraping import SETTINGS, TOKEN, by, respond, scrape, text, total
from tests.support.server import ROOT, ServerProcess, environment, receive, say, watching

Make = Callable[..., ServerProcess]


# -- who may read ----------------------------------------------------------------------------------


@pytest.mark.own_server
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "DELETE"])
def test_strangers_get_what_an_unknown_address_gets(make_server: Make, method: str) -> None:
    server = make_server(**SETTINGS)
    cases: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Token {server.cast['alice']['token']}"},
        {"Authorization": f"Token {TOKEN}"},
        {"Authorization": "Bearer "},
        {"Accept": "application/json"},
    ]
    for headers in cases:
        unknown = respond(server, headers, method, "/metricz")
        assert unknown[0] == 404
        assert respond(server, headers, method) == unknown
    assert respond(server, {"Authorization": f"Bearer {TOKEN}"})[0] == 200


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["", TOKEN])
def test_staff_reads_it_only_where_something_is_measured(
    client: Client, alice: User, settings: Settings, tmp_path: Path, token: str
) -> None:
    settings.SAMURAI_METRICS_TOKEN = token
    settings.VAR_DIR = tmp_path
    (settings.VAR_DIR / "metrics").mkdir()
    client.force_login(alice)
    assert client.get("/metrics").status_code == 404
    alice.is_staff = True
    alice.save()
    response = client.get("/metrics")
    assert response.status_code == (200 if token else 404)
    assert ("samurai_queue_runs 0.0" in response.content.decode()) == bool(token)


@pytest.mark.django_db
def test_without_the_database_the_numbers_of_the_processes_are_told(
    client: Client, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("away")

    settings.SAMURAI_METRICS_TOKEN, settings.VAR_DIR = TOKEN, tmp_path
    (tmp_path / "metrics").mkdir()
    ask = partial(client.get, "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert b"samurai_queue_runs" in ask().content
    monkeypatch.setattr(claiming, "interrupted", away)
    response = ask()
    assert response.status_code == 200
    assert response.content == b""


def test_a_short_token_stops_the_start(tmp_path: Path) -> None:
    env = environment(tmp_path, SAMURAI_METRICS_TOKEN="short")
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "SAMURAI_METRICS_TOKEN must have 16 characters or more." in done.stderr


@pytest.mark.parametrize("token", ["", TOKEN])
def test_the_package_is_imported_only_where_something_is_measured(
    tmp_path: Path, token: str
) -> None:
    code = "import sys, samurai_site.asgi; print('prometheus_client' in sys.modules)"
    env = environment(tmp_path, SAMURAI_METRICS_TOKEN=token)
    found = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env=env, text=True)
    assert found == f"{bool(token)}\n"


# -- the numbers -----------------------------------------------------------------------------------


@pytest.mark.own_server
async def test_the_numbers_are_those_of_the_event_log_also_after_a_crash(make_server: Make) -> None:
    server = make_server(**SETTINGS)
    for rounds in (1, 2):
        async with watching(server) as socket:
            await say(socket, "Create a task to write the docs")
            await say(socket, "Delete the task “nothing like it”")
            await asyncio.sleep(0.3)  # what follows the end of a run
            samples = await asyncio.to_thread(scrape, server)
            assert samples["samurai_connections", (("transport", "websocket"),)] == 1
        rows = server.rows("SELECT type, count(*) FROM agent_event GROUP BY type")
        assert by(samples, "samurai_events_total", "type") == dict(rows)
        assert by(samples, "samurai_run_states_total", "status") == states_told(server)
        assert total(samples, "samurai_phase_duration_seconds_count") == phases_told(server)
        assert total(samples, "samurai_tool_duration_seconds_count") == steps_over(server)
        assert total(samples, "samurai_commit_delay_seconds_count") > 10 * rounds
        assert total(samples, "samurai_run_update_gap_seconds_count") > 5 * rounds
        assert total(samples, "samurai_delivery_delay_seconds_count") > 5 * rounds
        assert total(samples, "samurai_processes") == 1
        server.stop(signal.SIGKILL)
        server.start()
    samples = scrape(server)
    assert total(samples, "samurai_connections") == 0
    rows = server.rows("SELECT type, count(*) FROM agent_event GROUP BY type")
    assert by(samples, "samurai_events_total", "type") == dict(rows)


def states_told(server: ServerProcess) -> dict[str, float]:
    status = "json_extract(body, '$.status')"
    return dict(
        server.rows(
            f"SELECT {status}, count(*) FROM agent_event WHERE type = 'run' GROUP BY {status}"
        )
    )


def phases_told(server: ServerProcess) -> int:
    return int(
        server.rows(
            "SELECT count(*) FROM agent_event WHERE type = 'progress' "
            "AND json_extract(body, '$.progress.metadata.phase') = 'finished' "
            "AND json_extract(body, '$.progress.metadata.step_id') IS NULL"
        )[0][0]
    )


def steps_over(server: ServerProcess) -> int:
    return int(
        server.rows(
            "SELECT count(*) FROM agent_planstep WHERE tool <> '' "
            "AND status IN ('succeeded', 'failed')"
        )[0][0]
    )


@pytest.mark.own_server
async def test_connections_are_counted_by_transport_and_by_how_they_end(make_server: Make) -> None:
    server = make_server(**SETTINGS)
    path = f"/api/sessions/{server.session}/events/"
    token = {"Authorization": f"Token {server.cast['alice']['token']}"}
    async with watching(server), watching(server):
        await asyncio.to_thread(respond, server, token, "GET", path)
        await asyncio.to_thread(respond, server, token, "GET", path)
        await asyncio.to_thread(respond, server, token, "GET", f"{path}?after=999")
        open_now = by(await asyncio.to_thread(scrape, server), "samurai_connections", "transport")
        assert open_now == {"websocket": 2, "polling": 1}
    async with server.client(after=999) as socket:  # the log ends before
        assert (await receive(socket))["type"] == "hello"
        assert (await receive(socket))["type"] == "resync"
        socket.transport.abort()
    async with server.client(after="0&again=0"), server.client(after="0&again=2") as socket:
        assert (await receive(socket))["type"] == "hello"
    await asyncio.sleep(0.2)
    samples = await asyncio.to_thread(scrape, server)
    assert by(samples, "samurai_connections", "transport") == {"polling": 1}
    opened = by(samples, "samurai_connections_opened_total", "transport")
    assert opened == {"websocket": 5, "polling": 1}
    assert total(samples, "samurai_polls_total") == 3
    assert total(samples, "samurai_resyncs_total") == 2
    assert by(samples, "samurai_reconnects_total", "transport") == {"websocket": 1}
    assert by(samples, "samurai_stream_errors_total", "kind") == {"broken": 1}


@pytest.mark.own_server
async def test_no_label_tells_whose_it_is(make_server: Make) -> None:
    server = make_server(**SETTINGS)
    async with watching(server) as socket:
        await say(socket, "Create a task to write the secret docs")
        told = await asyncio.to_thread(text, server)
    for private in ("secret", "alice", server.session, server.project):
        assert private not in told
