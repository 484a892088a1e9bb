"""A session whose older events were deleted, at a real server: it goes on as before."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import Any

import pytest

from agent.engine import pruning
from tests.support.api_client import client, page_client, streaming
from tests.support.guests import Guest, share
from tests.support.server import ROOT, ServerProcess, receive, say, watching

MESSAGES = [f"Create a task to clean window {number}" for number in range(1, 15)]
KEPT = "Create a task to lock the door"


async def prune(server: ServerProcess) -> str:
    """Runs the command beside the server; returns what it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "manage.py"),
        "prune",
        env={**server.env, "SAMURAI_KEEP_EVENTS_DAYS": "30"},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    return said.decode()


async def prune_all_but_the_last(server: ServerProcess) -> int:
    """Says all messages and deletes the events of all but the last; returns the first event that is left."""
    async with watching(server) as socket:
        for message in [*MESSAGES, KEPT]:
            await say(socket, message)
    server.change(
        "UPDATE agent_run SET finished_at = '2020-01-01 00:00:00+00:00' WHERE number < 15"
    )
    server.change("UPDATE agent_chatsession SET created_at = '2020-01-01 00:00:00+00:00'")
    assert (await prune(server)).endswith(" events deleted\n")
    ((first,),) = server.rows("SELECT min(seq) FROM agent_event")
    return int(first)


async def check_a_pruned_session(server: ServerProcess) -> None:
    first = await prune_all_but_the_last(server)
    run_of = dict(server.rows("SELECT number, id FROM agent_run"))
    async with client(server) as api, page_client(server) as page:
        # The page shows the last ten messages, and the others on request.
        path = f"{server.url}/sessions/{server.session}/"
        shown = (await page.get(path)).text
        assert said_in(shown) == [*MESSAGES[-9:], KEPT]
        assert shown.count("The details of this run were deleted.") == 9
        assert shown.count("lean window 14") > 3  # its message, plan and answer
        assert 'data-start="1" data-end="6"' in shown
        older = (await page.get(f"{path}entries/?start=1&end=6")).text
        assert said_in(older) == MESSAGES[:5]
        assert "data-start" not in older
        named = await page.get(f"{path}where/run-{_id(run_of[2])}/")
        assert named.json()["seq"] == 2

        # Readers with a cursor before what is left get the state, and go on from there.
        for after in (0, first - 2):
            gone = await api.get(f"sessions/{server.session}/events/?after={after}")
            assert (gone.status_code, gone.json()["code"]) == (410, "resync")
            said = [one["content"] for one in gone.json()["snapshot"]["messages"]]
            assert said[0] == MESSAGES[0]
            assert len(said) == 30
        kept = await api.get(f"sessions/{server.session}/events/?after={first - 1}")
        assert kept.json()["results"][0]["seq"] == first
        last = kept.json()["last_seq"]
        async with watching(server, after=5) as socket:
            resync = await receive(socket)
            while resync["type"] != "resync":
                resync = await receive(socket)
            assert resync["seq"] == last
        async with watching(server, after=last) as socket:
            frames = await say(socket, "Create a task to close the gate")
            assert frames[0]["seq"] == last + 1
        async with streaming(api, "GET", f"sessions/{server.session}/events/?after=1") as stream:
            (_, hello), (cursor, resync) = await anext(stream), await anext(stream)
            assert (hello["type"], hello["first_seq"]) == ("hello", first)
            while resync["type"] != "resync":
                cursor, resync = await anext(stream)
            assert cursor == resync["seq"] > last

        # What is gone has a code; what is in rows is there.
        undone = await api.post(f"sessions/{server.session}/undo/", json={"run": _id(run_of[1])})
        assert (undone.status_code, undone.json()["code"]) == (410, "pruned")
        run = await api.get(f"runs/{_id(run_of[1])}/")
        assert run.status_code == 200
        replay = await page.get(
            f"{server.url}/runs/{_id(run_of[1])}/replay/", follow_redirects=True
        )
        assert "The details of this run were deleted, so that it can" in replay.text
        export = await page.get(f"{server.url}/projects/{server.project}/export/")
        assert MESSAGES[0] in export.text


def said_in(page: str) -> list[str]:
    """Returns the messages of the transcript in order."""
    return re.findall(r'data-slot="said-content" dir="auto">([^<]+)<', page)


def _id(key: Any) -> str:
    return str(pruning.UUID(str(key)))


@pytest.mark.long
async def test_a_pruned_session_goes_on(server: ServerProcess) -> None:
    await check_a_pruned_session(server)


@pytest.mark.long
@pytest.mark.postgresql
async def test_a_pruned_session_goes_on_on_postgresql(postgresql_server: ServerProcess) -> None:
    await check_a_pruned_session(postgresql_server)


@pytest.mark.long
async def test_a_guest_sees_a_pruned_session_without_names(server: ServerProcess) -> None:
    await prune_all_but_the_last(server)
    guest = Guest(server, await share(server))
    await guest.open()
    page = (await guest.get()).text
    assert said_in(page) == [*MESSAGES[-9:], KEPT]
    assert "alice" not in page
    await guest.leave()


@pytest.mark.long
async def test_ag_ui_and_a_repeated_request_say_what_is_gone(server: ServerProcess) -> None:
    asked = {
        "threadId": "t",
        "runId": "r",
        "messages": [{"id": "1", "role": "user", "content": "Create a task to sweep"}],
    }
    body = {"message": "Create a task to mop", "client_id": str(pruning.UUID(int=7))}
    async with client(server) as api:
        async with streaming(api, "POST", "ag-ui/", json=asked) as stream:
            assert [one async for one in stream]
        path = f"projects/{server.project}/chat/"
        first = await api.post(path, json=body)
        server.change("UPDATE agent_run SET finished_at = '2020-01-01 00:00:00+00:00'")
        server.change("UPDATE agent_chatsession SET created_at = '2020-01-01 00:00:00+00:00'")
        await prune(server)
        gone = await api.get("ag-ui/runs/r/events/", headers={"Accept": "text/event-stream"})
        assert (gone.status_code, gone.json()["code"]) == (410, "pruned")
        again = await api.post(path, json=body)
        assert (again.status_code, again.json()["run"]) == (200, first.json()["run"])
