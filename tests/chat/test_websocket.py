"""The WebSocket of a real server process, as a client sees it."""

from __future__ import annotations

import contextlib
import json
import signal
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from agent.runs.runs import MAX_QUEUE
from chat.feed import MAX_CONNECTIONS
from chat.flow_control import MAX_BYTES, MAX_EVENTS, PATIENCE, Window
from tests.support.model_server import Gate, ModelServer, by_schema, held, said
from tests.support.server import (
    ServerProcess,
    close_code,
    is_last,
    receive,
    say,
    send,
    until,
    watching,
)

NOWHERE = "00000000-0000-4000-8000-000000000000"


def seqs(frames: list[dict[str, Any]]) -> list[int]:
    return [frame["seq"] for frame in frames if "seq" in frame]


async def test_hello_comes_first_then_the_run_in_gapless_numbers(server: ServerProcess) -> None:
    async with server.client() as socket:
        hello = await receive(socket)
        assert hello == {
            "type": "hello",
            "session": server.session,
            "first_seq": 1,
            "last_seq": 0,
            "active_run": None,
            "protocol": 1,
            "board": 0,
        }
        frames = await say(socket, "Create a task to write the docs")
    assert seqs(frames) == list(range(1, len(frames) + 1))
    assert [frame["type"] for frame in frames[:3]] == ["message", "run", "run"]
    assert frames[0]["message"]["author"] == "alice"
    assert [frame.get("status") for frame in frames[1:3]] == ["queued", "running"]
    assert frames[-1]["type"] == "complete"
    assert frames[-2]["status"] == "succeeded"


async def nothing_is_on_its_way(socket: ClientConnection) -> None:
    """Frames keep their order: what answers the ping comes behind all that was to be sent before."""
    await socket.send(json.dumps({"type": "ping"}))
    assert (await receive(socket))["type"] == "heartbeat"


async def test_a_reader_that_comes_back_gets_exactly_the_rest(server: ServerProcess) -> None:
    async with watching(server) as socket:
        frames = await say(socket, "Create a task to write the docs")
    last = frames[-1]["seq"]
    for after in (0, 1, 7, last - 1):
        async with watching(server, after=after) as socket:
            again = [await receive(socket) for _ in range(last - after)]
        assert again == frames[after:]
    async with watching(server, after=last) as socket:
        await nothing_is_on_its_way(socket)


async def test_the_same_client_id_again_changes_nothing(server: ServerProcess) -> None:
    async with watching(server) as socket, watching(server) as other:
        client_id = str(uuid.uuid4())
        frames = await say(socket, "Hello", client_id=client_id)
        await send(other, "Hello", client_id=client_id)
        await other.send('{"type": "ping"}')
        seen = await until(other, lambda frame: frame["type"] == "heartbeat")
    assert seen[:-1] == frames


async def test_two_tabs_see_the_same_and_a_second_message_is_queued_in_order(
    server: ServerProcess,
) -> None:
    async with watching(server) as one, watching(server) as two:
        first, second = await send(one, "Create a task A"), await send(one, "Create a task B")
        seen_by_one = await until(one, is_last) + await until(one, is_last)
        seen_by_two = await until(two, is_last) + await until(two, is_last)
    assert seen_by_one == seen_by_two
    messages = [f["message"]["client_id"] for f in seen_by_one if f["type"] == "message"]
    assert messages == [first, second]
    runs = [f["run"] for f in seen_by_one if f["type"] == "run" and f["status"] == "running"]
    ends = [f["run"] for f in seen_by_one if is_last(f)]
    assert runs == ends


async def test_the_session_is_named_after_its_first_message(server: ServerProcess) -> None:
    async with watching(server) as socket:
        await say(socket, "Hello   there,\n agent")
    assert server.rows("SELECT title FROM agent_chatsession WHERE title != ''") == [
        ("Hello there, agent",)
    ]


EDIT = {"type": "edit_plan", "run": NOWHERE, "plan_revision": 1}
REJECTED = [
    ("not JSON", "invalid_json"),
    ("[" * 100_000, "invalid_json"),
    ('{"type": "ack", "seq": ' + "9" * 5_000 + "}", "invalid_json"),
    ('{"type": "ack", "seq": NaN}', "invalid_json"),
    ("[]", "invalid_frame"),
    ('"ping"', "invalid_frame"),
    (b"\x00\x01", "invalid_frame"),
    ('{"no": "type"}', "invalid_frame"),
    ('{"type": 7}', "invalid_frame"),
    ('{"type": "launch"}', "unknown_type"),
    ('{"type": "__init__"}', "unknown_type"),
    ('{"type": "ack", "seq": "1"}', "invalid_frame"),
    ('{"type": "ack", "seq": true}', "invalid_frame"),
    ('{"type": "ack", "seq": 1e400}', "invalid_frame"),
    ('{"type": "ack", "seq": -1}', "invalid_frame"),
    ('{"type": "message", "content": "no client_id"}', "invalid_frame"),
    ({"content": 5}, "invalid_frame"),
    ({"content": None}, "invalid_frame"),
    ({"content": "x", "client_id": "not a UUID"}, "invalid_frame"),
    ({"content": "x", "approval": "maybe"}, "invalid_frame"),
    ({"content": ""}, "empty_message"),
    ({"content": " \n\t "}, "empty_message"),
    ({"content": "x" * 100_001}, "too_large"),
    ({"content": "a\x00b"}, "invalid_frame"),
    ('{"type": "message", "content": "\\ud800", "client_id": "' + NOWHERE + '"}', "invalid_frame"),
    ({"content": "x", "task": NOWHERE}, "not_found"),
    ({"type": "steer", "run": NOWHERE, "content": "x"}, "not_found"),
    ({"type": "steer", "run": NOWHERE, "content": " "}, "empty_message"),
    ({"type": "steer", "run": NOWHERE, "content": "x" * 10_001}, "too_large"),
    ('{"type": "steer", "run": "' + NOWHERE + '", "content": "no client_id"}', "invalid_frame"),
    ({"type": "cancel", "run": NOWHERE}, "not_found"),
    ({"type": "cancel", "run": "x"}, "invalid_frame"),
    ({"type": "approve", "run": NOWHERE, "plan_revision": 1}, "not_found"),
    ({"type": "reject", "run": NOWHERE, "plan_revision": 1, "reason": ""}, "not_found"),
    ({"type": "edit_plan", "run": NOWHERE, "plan_revision": 1, "steps": [7]}, "invalid_frame"),
    ({"type": "reject", "run": NOWHERE, "plan_revision": 1, "reason": "\0"}, "invalid_frame"),
    ({**EDIT, "steps": [{"id": "\ud800"}]}, "invalid_frame"),
    ({**EDIT, "steps": [{"arguments": {"n": 10**30}}]}, "invalid_frame"),
    ('{"type": "ping", "more": ' + "[" * 100 + "]" * 100 + "}", "invalid_frame"),
]


async def test_bad_frames_are_rejected_with_their_code_and_harm_nobody(
    server: ServerProcess,
) -> None:
    async with watching(server) as bad, watching(server, session=server.other_session) as good:
        for frame, code in REJECTED:
            if isinstance(frame, dict):
                whole = {"type": "message", "client_id": str(uuid.uuid4()), **frame}
                frame = json.dumps(whole)
            await bad.send(frame)
            answer = await receive(bad)
            assert (answer["type"], answer["code"]) == ("rejected", code), frame[:100]
            assert answer["error"]
        await say(good, "Hello")
        assert (await say(bad, "Hello"))[-1]["type"] == "complete"
    assert "Traceback" not in server.log.read_text()


async def test_a_rejected_message_names_its_client_id(server: ServerProcess) -> None:
    async with watching(server) as socket:
        client_id = await send(socket, "  ")
        assert (await receive(socket))["client_id"] == client_id


async def test_a_frame_over_one_mebibyte_closes_with_1009(server: ServerProcess) -> None:
    async with watching(server) as socket, watching(server) as other:
        # Only its head: what a client still sends while it is closed may cost it the close frame.
        socket.transport.write(b"\x81\xff" + (2 * 1024 * 1024).to_bytes(8, "big") + bytes(4))
        with pytest.raises(ConnectionClosed) as closed:
            await until(socket, lambda frame: False)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
        async with watching(server) as whole:
            with contextlib.suppress(ConnectionClosed):
                await whole.send("x" * (2 * 1024 * 1024))
            with pytest.raises(ConnectionClosed):
                await until(whole, lambda frame: False)
        assert (await say(other, "Hello"))[-1]["type"] == "complete"


async def test_a_flood_of_frames_is_rejected_and_others_notice_nothing(
    server: ServerProcess,
) -> None:
    async with watching(server) as flood, watching(server, session=server.other_session) as good:
        for _ in range(2_000):
            await flood.send("[]")
        codes = {(await receive(flood))["code"] for _ in range(150)}
        assert "rate_limited" in codes
        assert (await say(good, "Hello"))[-1]["type"] == "complete"


async def test_acknowledgements_count_as_frames_only_when_they_acknowledge_nothing_new(
    server: ServerProcess,
) -> None:
    server.fill("long_session", server.session, 50)
    async with watching(server) as socket:
        frames = [await receive(socket) for _ in range(1_024)]
        for frame in frames:
            await socket.send(json.dumps({"type": "ack", "seq": frame["seq"]}))
        frames += [await receive(socket) for _ in range(50 * 21 - 1_024)]
        for _ in range(150):
            await socket.send(json.dumps({"type": "ack", "seq": 1}))
        refused = await receive(socket)
    assert seqs(frames) == list(range(1, 50 * 21 + 1))
    assert (refused["type"], refused["code"]) == ("rejected", "rate_limited")


async def test_a_cursor_beyond_the_end_gets_the_state_instead(server: ServerProcess) -> None:
    async with watching(server) as socket:
        frames = await say(socket, "Create a task to write the docs")
    async with watching(server, after=10_000) as socket:
        resync = await receive(socket)
    assert resync["type"] == "resync"
    assert resync["seq"] == frames[-1]["seq"]
    assert [task["title"] for task in resync["snapshot"]["tasks"]] == ["Write the docs"]


@pytest.mark.parametrize("after", ["-1", "x", "9" * 30, "1.5", ""])
async def test_a_cursor_that_is_no_position_is_rejected_and_all_is_sent(
    server: ServerProcess, after: str
) -> None:
    async with watching(server) as socket:
        frames = await say(socket, "Hello")
    async with watching(server, after=after) as socket:
        if after:
            assert (await receive(socket))["code"] == "invalid_frame"
        assert await receive(socket) == frames[0]


async def test_a_client_that_does_not_acknowledge_gets_a_window_and_no_more(
    server: ServerProcess,
) -> None:
    async with watching(server) as socket:
        for number in range(40):
            assert (await say(socket, f"Create a task number {number}"))[-1]["type"] == "complete"
            last = server.rows("SELECT max(last_seq) FROM agent_chatsession")[0][0]
            await socket.send(json.dumps({"type": "ack", "seq": last}))
    assert last > 1_100
    async with watching(server) as socket:
        frames = [await receive(socket) for _ in range(1_024)]
        await nothing_is_on_its_way(socket)
        await socket.send(json.dumps({"type": "ack", "seq": 1_024}))
        frames += [await receive(socket) for _ in range(last - 1_024)]
    assert seqs(frames) == list(range(1, last + 1))


async def test_a_client_that_never_acknowledges_is_closed_with_4408_and_comes_back(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server(app="tests.support.impatient")
    many = "\n".join(f"- chore {number}" for number in range(100))
    async with watching(server) as silent, watching(server) as good:
        last = 0
        while last < MAX_EVENTS:
            last = (await say(good, f"I need:\n{many}"))[-1]["seq"]
            await good.send(json.dumps({"type": "ack", "seq": last}))
        frames: list[dict[str, Any]] = []
        with pytest.raises(ConnectionClosed) as closed:
            await until(silent, lambda frame: bool(frames.append(frame)))
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4408
        assert (await say(good, "Hello"))[-1]["type"] == "complete"  # nobody else is closed
    seen = seqs(frames)
    assert seen == list(range(1, len(seen) + 1))
    assert 0 < len(seen) <= MAX_EVENTS
    async with watching(server, after=seen[-1]) as back:
        assert (await receive(back))["seq"] == seen[-1] + 1


async def test_the_board_of_another_session_of_the_project_is_announced(
    server: ServerProcess,
) -> None:
    async with watching(server) as here, watching(server, session=server.other_session) as there:
        await say(there, "Create a task to write the docs")
        board = await receive(here)
    assert board == {"type": "board", "project": server.project, "version": 1}


async def test_the_own_session_is_told_of_its_changes_by_events_alone(
    server: ServerProcess,
) -> None:
    async with watching(server) as socket:
        await say(socket, "Create a task to write the docs")
        await nothing_is_on_its_way(socket)
        ((version,),) = server.rows("SELECT board_version FROM agent_project")
        # Past the server, so that its next look at the rows announces this one, and none before it.
        server.change("UPDATE agent_project SET board_version = board_version + 1")
        board = await receive(socket)
    assert (board["type"], board["version"]) == ("board", version + 1)


async def test_after_a_kill_the_viewer_goes_on_where_it_was(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server()
    async with watching(server) as socket:
        frames = await say(socket, "Create a task to write the docs")
    server.stop(signal.SIGKILL)
    server.start()
    async with watching(server, after=frames[-1]["seq"]) as socket:
        more = await say(socket, "Hello")
    assert seqs(more) == list(range(frames[-1]["seq"] + 1, more[-1]["seq"] + 1))


async def test_a_second_server_on_one_sqlite_file_is_refused(server: ServerProcess) -> None:
    second = ServerProcess(
        server.var,
        {
            "cast": server.cast,
            "project": server.project,
            "sessions": [server.session, server.other_session],
        },
    )
    with pytest.raises(
        AssertionError, match="Another server is already using this SQLite database"
    ):
        second.start()


async def test_the_development_server_speaks_the_same(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server(program="daphne")
    async with watching(server) as socket:
        frames = await say(socket, "Create a task to write the docs")
        assert frames[-1]["type"] == "complete"
        await socket.send("not JSON")
        assert (await receive(socket))["code"] == "invalid_json"
    assert await close_code(server, name="bob") == 4404
    assert await close_code(server, headers={}) == 4401


async def test_too_many_messages_in_a_minute_are_rejected(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server(SAMURAI_USER_RUNS_PER_MINUTE="2")
    async with watching(server) as socket:
        for _ in range(2):
            await say(socket, "Hello")
        await send(socket, "Hello")
        assert (await receive(socket))["code"] == "rate_limited"


async def test_a_full_queue_is_rejected_and_nothing_of_it_is_kept(
    make_server: Callable[..., ServerProcess],
) -> None:
    with ModelServer(by_schema(analysis=held(said({}), Gate()))) as model:
        server = make_server(OPENAI_API_KEY="key", OPENAI_BASE_URL=model.base_url)
        async with watching(server) as socket:
            for _ in range(MAX_QUEUE + 1):
                await send(socket, "Hello")
            rejected = await until(socket, lambda frame: frame["type"] == "rejected")
            assert rejected[-1]["code"] == "queue_full"
        assert server.rows("SELECT count(*) FROM agent_message") == [(MAX_QUEUE,)]


async def test_too_many_connections_of_one_person_are_refused_and_others_are_not(
    server: ServerProcess,
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(MAX_CONNECTIONS):
            await stack.enter_async_context(watching(server))
        assert await close_code(server) == 4429
        async with watching(server, name="carol"):
            pass
    async with watching(server):
        pass


def test_a_window_that_stays_full_is_too_slow() -> None:
    window = Window()
    for seq in range(1, MAX_EVENTS):
        window.sent(seq, 10, now=0.0)
    assert not window.is_full
    window.sent(MAX_EVENTS, 10, now=5.0)
    assert window.is_full
    assert not window.is_too_slow(5.0 + PATIENCE)
    assert window.is_too_slow(5.1 + PATIENCE)
    window.acknowledged(1)
    assert not window.is_full
    assert not window.is_too_slow(1_000.0)
    window.sent(MAX_EVENTS + 1, MAX_BYTES, now=6.0)
    assert window.is_full
