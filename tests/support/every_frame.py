"""A conversation in which a server sends every kind of frame that it has; for the test of the documents.

The model is scripted: what it says depends on the first word of the message.
"""

from __future__ import annotations

import asyncio
import json
import urllib.parse
import urllib.request
from typing import Any
from uuid import UUID, uuid4

from websockets.asyncio.client import ClientConnection

from agent.plans.bands import MIN_SAMPLES
from tests.support.model_server import (
    Gate,
    Request,
    by_schema,
    chunk,
    error,
    events,
    said,
    stream,
)
from tests.support.server import (
    ServerProcess,
    is_last,
    receive,
    receive_any,
    say,
    send,
    until,
    watching,
)

Frames = list[dict[str, Any]]

NOTE = {
    "memory_id": None,
    "title": "Test on Firefox",
    "content": "We test on Firefox too.",
    "kind": "preference",
    "category": "testing",
}


def step(id: str, tool: str, description: str, *needs: str, **arguments: Any) -> dict[str, Any]:
    return {
        "id": id,
        "type": "tool",
        "tool": tool,
        "description": description,
        "arguments": arguments,
        "depends_on": list(needs),
    }


TASK_ID = {"$from": "s1", "path": "task_id"}
MADE = step("s1", "create_task", "Create “Sign-up”", title="Sign-up", priority="high")
OTHER = step("s1", "create_task", "Create “Log-in”", title="Log-in", priority="low")
STARTED = step(
    "s2",
    "change_task_status",
    "Mark “Sign-up” as in progress",
    "s1",
    task=TASK_ID,
    status="in_progress",
)
GONE = step("s1", "delete_task", "Delete “Sign-up”", task="Sign-up")
LATE = step("s2", "update_task", "Rename “Sign-up”", "s1", task="Sign-up", title="Registration")
AFTER = step("s3", "search_tasks", "Look for tasks", "s2", query="sign-up")
FOUND = step("s4", "search_tasks", "Look for the usual tasks", query="usual")

USUAL = {
    f"Usual{number}": [step("s1", "create_task", "Create it", title=f"Usual {number}")]
    for number in range(MIN_SAMPLES)
}
OPEN = {
    "assumptions": [{"text": "It is urgent.", "steps": ["s1"]}],
    "questions": [{"question": "Until when?", "choices": ["Monday"]}],
}
COPIED = step("s1", "create_project", "Create a project", name="Copy")
NAME = {"$from": "s1", "path": "name"}
COPIED_TOO = step("s2", "create_project", "Create another", "s1", name=NAME)
RAISED = step("s1", "update_task", "Raise it", task="Usual 1", priority="high")
NESTED = step("s2", "update_task", "Put it into another", task="Usual 1", parent="Usual 2")
FORGOTTEN = step("s3", "delete_memory", "Forget it", memory=NOTE["title"])
TEXTS = [{"task": f"Usual {number}", "description": "As usual."} for number in (1, 2)]
EDITED = step("s1", "edit_tasks", "Describe two tasks", tasks=TEXTS)
PLANS = {
    **USUAL,
    "Describe": [EDITED],
    "Make": [MADE, STARTED],
    "Think": [OTHER],
    "Delete": [GONE, LATE, AFTER, FOUND],
    "Wait": [MADE, NESTED, FORGOTTEN],
    "Raise": [RAISED],
    "Copy": [COPIED, COPIED_TOO],
}


class Script:
    """Answers the model's requests; `gate` holds the rest of the answer to “Write”, `thought` that of
    the plan for “Think”.
    """

    def __init__(self) -> None:
        self.gate, self.thought = Gate(), Gate()
        self.handle = by_schema(
            analysis=self.analysis, plan=self.plan, memory=self.memory, answer=self.answer
        )

    def analysis(self, request: Request) -> Any:
        word = first_word(request)
        if word == "Fail":
            return error(401, "Incorrect API key provided")
        return said(
            {
                "intent": "command",
                "summary": "Wants tasks",
                "needs_tools": word in PLANS,
                "question": "Which task do you mean?" if word == "Ask" else "",
            }
        )

    def plan(self, request: Request) -> Any:
        plan = {"summary": "Work on sign-up", "steps": PLANS[first_word(request)]}
        if first_word(request) != "Think":
            return plan | (OPEN if first_word(request) == "Raise" else {})
        first, last, rest = json.dumps(plan).partition("depends_on")
        thought = chunk(None, reasoning_content="They want one task.")
        return events([thought, chunk(first), self.thought, chunk(last + rest, "stop")])

    def memory(self, request: Request) -> dict[str, Any]:
        return {"notes": [NOTE] if first_word(request) == "Make" else []}

    def answer(self, request: Request) -> Any:
        if first_word(request) == "Write":
            return stream("It begins", self.gate, " and ends.")
        return "Done, with **sign-up** on the board."


def first_word(request: Request) -> str:
    return request.message.split()[0]


def play(server: ServerProcess, script: Script) -> Frames:
    """Returns every frame that the clients of the conversation got."""
    return asyncio.run(_play(server, script))


async def _play(server: ServerProcess, script: Script) -> Frames:
    frames: Frames = []
    async with server.client() as socket, watching(server, session=server.other_session) as other:
        frames.append(await receive(socket))
        frames += await _usual(socket)
        frames += await say(socket, "Describe two tasks")  # a tool that tells a sub-step
        frames += await _drafted(socket, script.thought)
        frames += await _approved(socket)
        frames += await _rejected(socket)
        frames += await _differing(server, socket)
        frames += await _broken_off(socket, script.gate)
        frames += await say(socket, "Fail now")
        frames += await _tried_again(server, socket, frames[-1]["run"])
        frames += await say(socket, "Delete the sign-up task")
        frames += await say(socket, "Ask back")
        frames += await _asides(socket)
        frames += await _undone(server, socket, frames)
        frames += await until(other, lambda frame: frame["type"] == "board")
        frames += await _waits(server)
        frames += await _lost(server, socket)
    return frames


async def _usual(socket: ClientConnection) -> Frames:
    """So many runs that the later ones know how long they will take."""
    frames: Frames = []
    for number in range(MIN_SAMPLES):
        frames += await say(socket, f"Usual{number} work")
    return frames


async def _drafted(socket: ClientConnection, thought: Gate) -> Frames:
    """A plan that is seen while the model writes it."""
    await send(socket, "Think of a sign-up task")
    frames = await until(socket, lambda frame: frame["type"] == "draft" and frame["steps"])
    thought.open()
    return frames + await until(socket, is_last)


async def _approved(socket: ClientConnection) -> Frames:
    """A plan that a person edits and approves."""
    await send(socket, "Make a sign-up task", approval="required")
    frames = await until(socket, is_asked)
    await decide(socket, frames[-1], "edit_plan", steps=[MADE])
    frames += await until(socket, is_asked)
    await decide(socket, frames[-1], "approve")
    return frames + await until(socket, is_last)


async def _rejected(socket: ClientConnection) -> Frames:
    """A plan that a person has made anew, twice, and then does not want at all; and one that acts outside."""
    await send(socket, "Copy the project")
    outside = await until(socket, is_asked)
    await decide(socket, outside[-1], "reject", reason="")
    outside += await until(socket, is_last)
    await send(socket, "Wait for me", approval="required")
    frames = await until(socket, is_asked)
    comments = [{"step": "s1", "text": "Give it a better title."}]
    await decide(socket, frames[-1], "reject", reason="Leave out the rest.", comments=comments)
    frames += await until(socket, is_asked)
    await steer(socket, frames[-1]["run"])
    frames += await until(socket, is_asked)
    await decide(socket, frames[-1], "reject", reason="")
    return outside + frames + await until(socket, is_last)


async def _differing(server: ServerProcess, socket: ClientConnection) -> Frames:
    """A plan that is approved while somebody edits the task that it would change."""
    await send(socket, "Raise the usual task", approval="required")
    frames = await until(socket, is_asked)
    server.change("UPDATE agent_task SET priority = 'low' WHERE title = 'Usual 1'")
    await decide(socket, frames[-1], "approve")
    frames += await until(socket, is_asked)
    await decide(socket, frames[-1], "reject", reason="")
    return frames + await until(socket, is_last)


async def _broken_off(socket: ClientConnection, gate: Gate) -> Frames:
    """An answer that is cancelled while it is written, with a message queued behind it. That one is
    cancelled too, and what was sent into it becomes the next message.
    """
    await send(socket, "Write a long answer")
    frames = await until(socket, lambda frame: frame["type"] == "token")
    await send(socket, "Then this")
    frames += await until(socket, lambda frame: frame.get("position") == 1)
    await steer(socket, frames[-1]["run"])
    frames += await until(socket, lambda frame: frame["type"] == "steering")
    for run in (frames[-1]["run"], frames[0]["run"]):
        await socket.send(json.dumps({"type": "cancel", "run": run}))
        frames += await until(socket, is_last)
    gate.open()
    return frames + await until(socket, is_last)


async def steer(socket: ClientConnection, run: str) -> None:
    frame = {"type": "steer", "run": run, "content": "Then a little", "client_id": str(uuid4())}
    await socket.send(json.dumps(frame))


async def _tried_again(server: ServerProcess, socket: ClientConnection, run: str) -> Frames:
    await asyncio.to_thread(press, server, "retry", run=run)
    return await until(socket, is_last)


async def _asides(socket: ClientConnection) -> Frames:
    await socket.send('{"type": "ping"}')
    frames = await until(socket, lambda frame: frame["type"] == "heartbeat")
    await send(socket, "")
    return frames + await until(socket, lambda frame: frame["type"] == "rejected")


async def _waits(server: ServerProcess) -> Frames:
    """A batch has opened the other session, and a question waits."""
    batch, now = uuid4().hex, "2026-11-23 00:50:00"
    server.change(
        "INSERT INTO agent_batch (id, name, created_at, updated_at, project_id)"
        f" SELECT '{batch}', 'wishes.txt', '{now}', '{now}', project_id FROM agent_chatsession LIMIT 1"
    )
    other = UUID(server.other_session).hex
    server.change(f"UPDATE agent_chatsession SET batch_id = '{batch}' WHERE id = '{other}'")
    frames: dict[str, dict[str, Any]] = {}
    async with watching(server, sidebar=True) as socket:
        while not {"waiting", "sidebar"} <= set(frames):
            frame = await receive_any(socket)
            frames[frame["type"]] = frame
    assert {one["kind"] for one in frames["sidebar"]["projects"][0]["entries"]} == {"batch"}
    return [frames["waiting"], frames["sidebar"]]


async def _undone(server: ServerProcess, socket: ClientConnection, told: Frames) -> Frames:
    deleted = next(frame for frame in told if changed(frame, "deleted"))
    await asyncio.to_thread(press, server, "undo", seq=deleted["seq"])
    return await until(socket, lambda frame: changed(frame, "restored"))


async def _lost(server: ServerProcess, socket: ClientConnection) -> Frames:
    """Somebody comes with a cursor beyond the end, while a run waits; one behind it loses its driver."""
    await send(socket, "Wait again", approval="required")
    frames = await until(socket, lambda frame: frame.get("status") == "waiting")
    async with watching(server, after=1_000_000) as lost:
        frames.append(await receive(lost))
    await send(socket, "Then this")
    frames += await until(socket, lambda frame: frame.get("status") == "queued")
    for status in ("running", "queued"):  # no driver is at hand that could die
        server.change(
            f"UPDATE agent_run SET status = '{status}' WHERE status IN ('running', 'queued')"
        )
        frames += await until(socket, lambda frame: frame["type"] == "interrupted")
    return frames


def changed(frame: dict[str, Any], action: str) -> bool:
    return frame["type"] == "change" and frame["change"]["action"] == action


def press(server: ServerProcess, button: str, **fields: Any) -> None:
    """Presses a button of the page, as a browser does."""
    proof = "x" * 32
    request = urllib.request.Request(
        f"{server.url}/sessions/{server.session}/{button}/",
        data=urllib.parse.urlencode(fields).encode(),
        headers={
            "Cookie": f"sessionid={server.cast['alice']['cookie']}; csrftoken={proof}",
            "X-CSRFToken": proof,
        },
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        assert json.load(response) == {"ok": True}


def is_asked(frame: dict[str, Any]) -> bool:
    return frame["type"] == "approval" and frame["approval"]["status"] == "requested"


async def decide(socket: ClientConnection, asked: dict[str, Any], kind: str, **more: Any) -> None:
    revision = asked["approval"]["plan_revision"]
    await socket.send(
        json.dumps({"type": kind, "run": asked["run"], "plan_revision": revision, **more})
    )
