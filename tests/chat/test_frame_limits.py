"""How much a client may send over a WebSocket, to a real server process."""

from __future__ import annotations

import contextlib
import json
import uuid
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from chat.consumers import BURST_BYTES, BURST_REFUSALS
from chat.frames import MAX_BYTES, MAX_LONG_BYTES
from chat.strict_json import MAX_VALUES
from tests.support.server import ServerProcess, receive, say, until, watching

RUN = str(uuid.uuid4())


def edited(steps: list[Any]) -> str:
    frame = {"type": "edit_plan", "run": RUN, "plan_revision": 1, "steps": steps}
    return json.dumps(frame, separators=(",", ":"))


async def refusal(server: ServerProcess, text: str, name: str = "alice") -> tuple[str, str]:
    """Returns the code and the text with which the frame is refused."""
    async with watching(server, name=name) as socket:
        await socket.send(text)
        frame = await receive(socket)
    assert frame["type"] == "rejected"
    return frame["code"], frame["error"]


async def test_a_large_frame_of_somebody_who_may_only_watch_is_not_read(
    server: ServerProcess,
) -> None:
    hostile = "[" * (MAX_BYTES + 1)
    assert (await refusal(server, hostile, "carol"))[0] == "forbidden"
    assert (await refusal(server, hostile))[0] == "invalid_json"
    assert (await refusal(server, edited([1] * 100_000), "carol"))[0] == "forbidden"


async def test_only_messages_and_edited_plans_may_be_long(server: ServerProcess) -> None:
    for kind in ("cancel", "approve", "reject", "steer", "ack", "ping"):
        code, error = await refusal(server, json.dumps({"type": kind, "run": "x" * MAX_BYTES}))
        assert (code, error) == (
            "too_large",
            f"A frame of this type may have at most {MAX_BYTES:,} bytes.",
        )
    for kind in ("message", "edit_plan"):
        code, error = await refusal(server, json.dumps({"type": kind, "run": "x" * MAX_LONG_BYTES}))
        assert code == "too_large"
        assert f"{MAX_LONG_BYTES:,} bytes" in error
    async with watching(server) as socket:
        message = {"type": "message", "client_id": RUN, "content": "ä" * 100_000}
        await socket.send(json.dumps(message, ensure_ascii=False))
        assert (await receive(socket))["type"] == "message"


async def test_the_first_fault_ends_the_reading(server: ServerProcess) -> None:
    code, error = await refusal(server, edited([1] * 90))
    assert (code, error.partition(":")[0]) == ("invalid_frame", "steps.0")
    code, error = await refusal(server, edited([{}] * 101))
    assert (code, error.partition(":")[0]) == ("invalid_frame", "steps")
    code, error = await refusal(server, edited([1] * 200_000))
    assert (code, error) == ("invalid_frame", f"The JSON has more than {MAX_VALUES:,} values.")


async def test_bytes_are_limited_beside_frames_and_come_back(server: ServerProcess) -> None:
    large = json.dumps({"type": "edit_plan", "run": "x" * (MAX_LONG_BYTES - 100)})
    async with watching(server) as socket:
        for _ in range(BURST_BYTES // MAX_LONG_BYTES):
            await socket.send(large)
            assert (await receive(socket))["code"] == "invalid_frame"
        await socket.send(large)
        refused = await receive(socket)
        assert (refused["code"], refused["error"]) == (
            "rate_limited",
            "Too many large frames; wait a little.",
        )
        assert (await say(socket, "Hello"))[-1]["type"] == "complete"


async def test_who_goes_on_after_many_refusals_is_disconnected_and_may_come_back(
    server: ServerProcess,
) -> None:
    async with watching(server) as flood, watching(server, name="carol") as other:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(2 * BURST_REFUSALS):
                await flood.send("[]")
        with pytest.raises(ConnectionClosed) as closed:
            await until(flood, lambda frame: False)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4429
        await other.send(json.dumps({"type": "ping"}))
        assert (await receive(other))["type"] == "heartbeat"
    async with watching(server) as again:
        assert (await say(again, "Hello"))[-1]["type"] == "complete"
