"""A guest at a real server: frames live over each transport, no way to act, and the end of the link."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from agent.accounts import shared_links
from chat.connection_identity import NOT_THERE, ConnectionIdentity
from chat.viewer import Viewer
from tests.support.api_client import blocks, client
from tests.support.guests import Guest, expire, revoke, share
from tests.support.model_server import Answer, ModelServer, Request, said, words
from tests.support.scripted_runs import compose, create, plan, result_of, use
from tests.support.server import PATIENCE, ServerProcess, is_last, say, until, watching

SECRET = "Zanzibar"


@contextlib.asynccontextmanager
async def guest_at(server: ServerProcess, **how: Any) -> AsyncIterator[Guest]:
    guest = Guest(server, await share(server, **how))
    assert (await guest.open()).status_code == 303
    yield guest
    await guest.leave()


async def closed(socket: ClientConnection) -> int | None:
    """Returns the code with which the server closes the connection."""
    with contextlib.suppress(ConnectionClosed):
        async with asyncio.timeout(PATIENCE):
            while True:
                await socket.recv()
    return socket.close_code


async def test_a_guest_follows_a_run_over_a_socket_a_stream_and_pages(
    server: ServerProcess,
) -> None:
    async with guest_at(server) as guest, guest.socket() as socket, watching(server) as alice:
        hello = json.loads(await socket.recv())
        assert hello["board"] is None
        accept = {"Accept": "text/event-stream"}
        async with guest.http.stream("GET", f"{guest.path}events/", headers=accept) as response:
            frames = await say(alice, "Create a task to write the docs")
            seen = await until(socket, is_last)
            streamed = [frame async for _, frame in _until_last(blocks(response))]
        page = (await guest.get("events/")).json()
    numbers = [frame["seq"] for frame in frames]
    of_log = [frame for frame in streamed if "seq" in frame]
    assert [frame["seq"] for frame in seen] == numbers
    assert seen == of_log == page["results"][: len(seen)]
    assert [frame["type"] for frame in seen] == [frame["type"] for frame in frames]
    assert page["board"] is None
    assert page["draft"] is None
    assert seen[0]["message"]["content"] == "Create a task to write the docs"
    assert "alice" not in json.dumps([seen, streamed, page])


async def _until_last(stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for block in stream:
        yield block
        if is_last(block[1]):
            return


async def test_every_frame_that_acts_is_refused_and_changes_nothing(server: ServerProcess) -> None:
    async with watching(server) as alice:
        frames = await say(alice, "Create a task to write the docs")
    run, key = frames[-1]["run"], str(uuid.uuid4())
    before = server.rows("SELECT last_seq, run_count FROM agent_chatsession ORDER BY id")
    acting: list[dict[str, Any]] = [
        {"type": "message", "content": "Hi", "client_id": key},
        {"type": "steer", "run": run, "content": "Hi", "client_id": key},
        {"type": "cancel", "run": run},
        {"type": "approve", "run": run, "plan_revision": 1},
        {"type": "reject", "run": run, "plan_revision": 1},
        {"type": "edit_plan", "run": run, "plan_revision": 1, "steps": []},
    ]
    async with guest_at(server) as guest, guest.socket(frames[-1]["seq"]) as socket:
        assert json.loads(await socket.recv())["type"] == "hello"
        for frame in acting:
            await socket.send(json.dumps(frame))
            refused = (await until(socket, lambda one: one["type"] == "rejected"))[-1]
            assert refused["code"] == "forbidden", frame
        await socket.send('{"type": "ping"}')
        await until(socket, lambda one: one["type"] == "heartbeat")
    assert server.rows("SELECT last_seq, run_count FROM agent_chatsession ORDER BY id") == before


async def test_every_operation_of_the_api_is_closed_to_a_guest(server: ServerProcess) -> None:
    async with client(server) as api:
        paths = json.loads((await api.get("schema/")).text)["paths"]
    tried = 0
    async with guest_at(server) as guest:
        for path, operations in paths.items():
            place = path.replace("{session_id}", server.session)
            place = place.replace("{project_id}", server.project)
            for name in ("run", "task", "memory", "token", "link", "invitation"):
                place = place.replace(f"{{{name}_id}}", guest.link["id"])
            place = place.replace("{username}", "carol").replace("{name}", "a")
            for method in operations:
                if (method, path) in (("get", "/api/schema/"), ("get", "/api/docs/")):
                    continue
                response = await guest.http.request(method.upper(), place, json={})
                assert response.status_code in (401, 403), (method, place, response.text)
                tried += 1
    assert tried > 60


@pytest.mark.parametrize("end", ["revoked", "expired", "member removed"])
async def test_an_open_connection_ends_with_the_link(server: ServerProcess, end: str) -> None:
    async with guest_at(server) as guest, guest.socket() as socket:
        assert json.loads(await socket.recv())["type"] == "hello"
        accept = {"Accept": "text/event-stream"}
        async with guest.http.stream("GET", f"{guest.path}events/", headers=accept) as response:
            if end == "revoked":
                await revoke(server, guest.link)
            elif end == "expired":
                expire(server, guest.link)
            else:
                server.change("UPDATE agent_project SET owner_id = owner_id + 1")
            assert await closed(socket) == 4404
            async with asyncio.timeout(PATIENCE):
                assert all(
                    [frame["type"] in ("hello", "heartbeat") async for _, frame in blocks(response)]
                )
        async with guest.socket() as again:
            assert await closed(again) == 4404
        for part in ("", "events/", "board/", "entries/?start=1&end=2"):
            assert (await guest.get(part)).status_code == 404


async def test_a_connection_ends_when_its_link_expires_although_nobody_changes_anything() -> None:
    now = timezone.now()
    for expires, code in ((now, NOT_THERE), (now + timedelta(minutes=1), None)):
        key = uuid.uuid4()
        guest = shared_links.Guest(key, key, key, None, False, False, expires)
        viewer = Viewer(ConnectionIdentity.of_guest(guest), 0, "websocket")
        viewer.tick(viewer.loop.time())
        assert viewer.close_code == code
        viewer.close()


async def test_a_socket_without_the_cookie_or_from_another_site_gets_nothing(
    server: ServerProcess,
) -> None:
    async with guest_at(server) as guest:
        other = await share(server)
        for path, headers in (
            (guest.path, {"Cookie": ""}),
            (guest.path, {"Cookie": "samurai_guest=" + guest.link["id"]}),
            (f"/shared/{other['id']}/", {}),
        ):
            guest.path = path
            async with guest.socket(**headers) as socket:
                assert await closed(socket) == 4404


async def test_the_secret_is_in_no_log(make_server: Callable[..., ServerProcess]) -> None:
    server = make_server(program="daphne")  # it logs every request
    async with guest_at(server) as guest:
        await guest.get()
        secret = guest.link["url"].partition("#")[2]
        wrong = Guest(server, {**guest.link, "url": f"#{secret[::-1]}"})
        assert (await wrong.open()).status_code == 404
        await wrong.leave()
    log = server.log.read_text()
    assert f"POST /shared/{guest.link['id']}/" in log
    assert secret not in log
    assert secret[::-1] not in log


# -- what is received ------------------------------------------------------------------------------

ANALYSIS = {
    "intent": "task", "summary": f"Wants {SECRET}", "needs_tools": True, "question": "",
    "search": SECRET, "read_first": [{"tool": "search_memories", "arguments": {"query": SECRET}}],
}  # fmt: skip
PLAN = {
    **plan(
        create("s1", "Booking"),
        use(
            "s2", "create_memory", title=f"{SECRET} rule", content=f"Use {SECRET}.", kind="decision"
        ),
        use("s3", "search_memories", query=SECRET),
        compose("s4", "text", "s3", notes=result_of("s3", "memories")),
        use("s5", "update_memory", memory=f"{SECRET} cluster", content=f"{SECRET} no more."),
    ),
    "summary": f"Keeps {SECRET}",
}
INVALID = plan(use("s1", "delete_memory", memory=f"{SECRET} of nowhere"))
LEARNED = {"memories": [{"title": f"{SECRET} learned", "content": f"{SECRET}!", "kind": "fact"}]}


def answer(request: Request) -> Answer:
    match request.asked:
        case "analysis":
            return said(ANALYSIS)
        case "plan":
            return said(INVALID if "And what else" in request.text else PLAN)
        case "memory":
            return said(LEARNED)
        case "answer":
            return words("It is done.")
    return said({"value": f"All about {SECRET}"})  # a composition


async def play(server: ServerProcess, model: ModelServer) -> None:
    """A run that recalls, reads, makes, changes, composes and learns memories; a person changes one."""
    model.handler = answer
    async with client(server) as api, watching(server) as alice:
        memory = {
            "title": f"{SECRET} cluster",
            "content": f"Everything is in {SECRET}.",
            "kind": "fact",
        }
        made = (await api.post(f"projects/{server.project}/memories/", json=memory)).json()
        await say(alice, "Plan the booking; remember what counts")
        await say(alice, "And what else?")
        address = f"memories/{made['id']}/?session={server.session}"
        assert (await api.patch(address, json={"content": f"{SECRET} again"})).status_code == 200


@pytest.mark.parametrize("chosen", [False, True])
async def test_no_byte_that_a_guest_receives_has_a_memory_that_was_not_shared(
    scripted_server: ServerProcess, scripted_model: ModelServer, chosen: bool
) -> None:
    server = scripted_server
    async with guest_at(server, shows_memories=chosen, shows_tasks=True) as guest:
        async with guest.socket() as socket:
            await play(server, scripted_model)
            ((last,),) = server.rows(
                f"SELECT last_seq FROM agent_chatsession WHERE id = '{server.session.replace('-', '')}'"
            )
            live = await until(socket, lambda frame: frame.get("seq") == last)
        guest.received.append(json.dumps(live))
        for part in ("", "board/", "board/?all=1", "entries/?start=1&end=1000", "events/",
                     f"events/?after={last + 5}", f"where/event-{last}/"):  # fmt: skip
            await guest.get(part)
        async with guest.socket(last + 5) as socket:
            guest.received.append(json.dumps(await until(socket, lambda f: f["type"] == "resync")))
        accept = {"Accept": "text/event-stream"}
        async with guest.http.stream("GET", f"{guest.path}events/", headers=accept) as response:
            async for _, frame in blocks(response):
                guest.received.append(json.dumps(frame))
                if frame.get("seq") == last:
                    break
    steps = dict(server.rows("SELECT key, status FROM agent_planstep WHERE key <> 's1'"))
    assert steps == dict.fromkeys(("s2", "s3", "s4", "s5"), "succeeded")
    log = [body for (body,) in server.rows("SELECT body FROM agent_event ORDER BY seq")]
    assert sum(SECRET in body for body in log) > 8
    found = [text for text in guest.received if SECRET in text]
    assert bool(found) == chosen, found[:1]
    assert any("Booking" in text for text in guest.received)
    assert "alice" not in "".join(guest.received)
    assert [frame["seq"] for frame in live if "seq" in frame] == list(range(1, last + 1))
