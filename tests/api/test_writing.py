"""What a person does over the API: says, decides, cancels, edits, undoes; on a real server."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from agent.runs.runs import MAX_CONTENT
from tests.support.api_client import client, headers_of, page_client
from tests.support.server import PATIENCE, ServerProcess, receive, watching

STEP = ("id", "type", "tool", "description", "arguments", "depends_on")
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def api(server: ServerProcess) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(server) as api:
        yield api


async def finished(api: httpx2.AsyncClient, run: str, *statuses: str) -> dict[str, Any]:
    """Returns the run as soon as it has one of `statuses`, or is over."""
    async with asyncio.timeout(30):
        while True:
            found = (await api.get(f"runs/{run}/")).json()
            if found["status"] in (statuses or ("succeeded", "failed", "cancelled")):
                return found
            await asyncio.sleep(0.05)


async def start(api: httpx2.AsyncClient, session: str, content: str, **more: Any) -> dict[str, Any]:
    answer = await api.post(f"sessions/{session}/messages/", json={"content": content, **more})
    assert answer.status_code == 201, answer.text
    run: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/api/runs/{run['id']}/"
    return run


async def test_a_message_starts_a_run_that_can_be_read_with_all_that_it_did(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    run = await start(api, server.session, "  Create a task to write the docs ")
    assert run["message"]["content"] == "  Create a task to write the docs"
    run = await finished(api, run["id"])
    assert run["status"] == "succeeded"
    assert "Write the docs" in run["answer"]["content"]
    assert run["answer"]["html"].startswith("<p>")
    assert {step["status"] for step in run["plan"]["steps"]} == {"succeeded"}
    assert {timing["phase"] for timing in run["timings"]} >= {"start", "planning", "execution"}
    assert run["duration_ms"] >= 0
    messages = (await api.get(f"sessions/{server.session}/messages/")).json()["results"]
    assert messages == [run["message"], run["answer"]]
    runs = (await api.get(f"sessions/{server.session}/runs/?status=succeeded")).json()["results"]
    assert runs == [run]
    assert (await api.get(f"sessions/{server.session}/runs/?status=failed")).json()["results"] == []


async def test_the_same_client_id_again_starts_nothing(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    client_id = str(uuid.uuid4())
    first = await start(api, server.session, "Hello", client_id=client_id)
    again = await start(api, server.session, "Hello", client_id=client_id)
    assert first["id"] == again["id"]
    assert server.rows("SELECT count(*) FROM agent_run") == [(1,)]


BAD_MESSAGES: list[tuple[Any, int, str]] = [
    ({"content": " \n "}, 400, "empty_message"),
    ({"content": "x" * (MAX_CONTENT + 1)}, 413, "too_large"),
    ({"content": "a", "task": NOWHERE}, 404, "not_found"),
    ({"content": 7.5, "approval": "maybe"}, 400, "approval"),
    ({"content": "a", "client_id": "x"}, 400, "client_id"),
    ({}, 400, "content"),
    ([], 400, "non_field_errors"),
    ("not JSON", 400, "invalid_json"),
    ('{"content": "a\\u0000b"}', 400, "invalid_frame"),
    ('{"content": "\\ud800"}', 400, "invalid_frame"),
    ('{"content": NaN}', 400, "invalid_json"),
    ('{"content": 1e999}', 400, "invalid_frame"),
    ('{"content": ' + "[" * 100 + "]" * 100 + "}", 400, "invalid_frame"),
    ("[" * 100_000, 400, "invalid_json"),
    (b"\xff\xfe\x00", 400, "invalid_json"),
]


async def test_what_cannot_be_a_message_is_refused_and_harms_nobody(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    path = f"sessions/{server.session}/messages/"
    for body, status, code in BAD_MESSAGES:
        if isinstance(body, str | bytes):
            how: dict[str, Any] = {"content": body, "headers": {"Content-Type": "application/json"}}
        else:
            how = {"json": body}
        answer = await api.post(path, **how)
        said = answer.json()
        assert answer.status_code == status, (str(body)[:60], answer.text)
        assert said.get("code") == code or code in said, (str(body)[:60], said)
    form = await api.post(path, data={"content": "Hello"})
    assert form.status_code == 415
    assert await answer_to_a_large_body(server, path) == (413, "too_large")
    assert server.rows("SELECT count(*) FROM agent_message") == [(0,)]
    assert "Traceback" not in server.log.read_text()


async def answer_to_a_large_body(server: ServerProcess, path: str) -> tuple[int, str]:
    """Announces three megabytes and sends none of them: the answer does not wait for them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    token = headers_of(server)["Authorization"]
    head = f"POST /api/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n"
    writer.write(f"{head}Content-Length: 3000000\r\n\r\n".encode())
    answer = (await asyncio.wait_for(reader.read(), PATIENCE)).decode()
    writer.close()
    return int(answer.split(" ")[1]), json.loads(answer[answer.index("{") :].splitlines()[0])[
        "code"
    ]


async def test_who_may_not_write_is_told_why(server: ServerProcess) -> None:
    path, body = f"sessions/{server.session}/messages/", {"content": "Hello"}
    async with client(server, "bob") as stranger:
        assert (await stranger.post(path, json=body)).status_code == 404
    async with client(server, "carol") as viewer:
        refused = await viewer.post(path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
        assert (await viewer.get(path)).json()["results"] == []
    async with httpx2.AsyncClient(base_url=f"{server.url}/api/") as nobody:
        assert (await nobody.post(path, json=body)).status_code == 401
    async with page_client(server) as page:
        assert (
            await page.post(path, json=body, headers={"X-CSRFToken": "d" * 32})
        ).status_code == 403
        assert (await page.post(path, json=body)).status_code == 201


async def test_a_token_to_read_reads_and_writes_nothing(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    server.change("UPDATE agent_apitoken SET scope = 'read'")
    refused = await api.post(f"sessions/{server.session}/messages/", json={"content": "Hello"})
    assert (refused.status_code, refused.json()["detail"]) == (403, "This token is read-only.")
    assert (await api.get(f"sessions/{server.session}/")).status_code == 200


async def test_a_plan_is_edited_approved_and_carried_out(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    run = await start(api, server.session, "Create a task to write the docs", approval="required")
    waiting = await finished(api, run["id"], "waiting")
    asked = waiting["approvals"][-1]
    assert (asked["status"], asked["plan_revision"]) == ("requested", 1)
    assert asked["effects"]
    steps = [{name: step[name] for name in STEP} for step in waiting["plan"]["steps"]]
    steps[0]["arguments"]["title"] = "Write all of the docs"
    path = f"runs/{run['id']}"
    stale = await api.post(f"{path}/edit-plan/", json={"plan_revision": 7, "steps": steps})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_plan")
    bad = await api.post(f"{path}/edit-plan/", json={"plan_revision": 1, "steps": [{"id": "x"}]})
    assert (bad.status_code, bad.json()["code"]) == (400, "invalid_plan")
    edited = await api.post(f"{path}/edit-plan/", json={"plan_revision": 1, "steps": steps})
    assert edited.json()["plan"]["revision"] == 2
    approved = await api.post(f"{path}/approve/", json={"plan_revision": 2})
    assert approved.status_code == 200
    assert (await finished(api, run["id"]))["status"] == "succeeded"
    assert server.rows("SELECT title FROM agent_task") == [("Write all of the docs",)]
    late = await api.post(f"{path}/approve/", json={"plan_revision": 2})
    assert (late.status_code, late.json()["code"]) == (409, "not_active")


async def test_a_run_is_rejected_cancelled_retried_and_answered_anew(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    run = await start(api, server.session, "Create a task to write the docs", approval="required")
    await finished(api, run["id"], "waiting")
    rejected = await api.post(f"runs/{run['id']}/reject/", json={"plan_revision": 1, "reason": ""})
    assert rejected.json()["status"] == "cancelled"
    again = await api.post(f"runs/{run['id']}/retry/")
    assert (again.status_code, again.json()["retry_of"]) == (201, run["id"])
    await finished(api, again.json()["id"], "waiting")
    cancelled = await api.post(f"runs/{again.json()['id']}/cancel/", json={"reason": "No need"})
    assert cancelled.json()["status"] == "cancelled"
    assert (await api.post(f"runs/{again.json()['id']}/cancel/")).status_code == 409
    anew = await api.post(f"runs/{run['id']}/regenerate/")
    assert anew.status_code == 201
    assert (await api.post(f"runs/{NOWHERE}/cancel/")).status_code == 404


async def test_a_message_is_sent_into_a_run_or_comes_too_late(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    run = await start(api, server.session, "Create a task to write the docs", approval="required")
    await finished(api, run["id"], "waiting")
    into, more = f"runs/{run['id']}/steer/", {"content": "Also create a task to print the docs"}
    once = {"Idempotency-Key": "one"}
    for _ in range(2):
        taken = await api.post(into, json=more, headers=once)
        assert (taken.status_code, taken.json()["id"]) == (201, run["id"])
    run = await finished(api, run["id"], "waiting")
    assert run["plan"]["revision"] == 2
    assert [(one["content"], one["author"], one["status"]) for one in run["steering"]] == [
        (more["content"], "alice", "applied")
    ]
    assert [one["status"] for one in run["approvals"]] == ["rejected", "requested"]
    await api.post(f"runs/{run['id']}/cancel/")
    late = await api.post(into, json=more)
    assert late.status_code == 201
    assert late.json()["message"]["content"] == more["content"]
    assert late.headers["Location"] == f"/api/runs/{late.json()['id']}/"
    assert (await api.post(into, json={"content": " "})).status_code == 400
    assert (await api.post(into, json={"content": "x" * 10_001})).status_code == 413
    assert (await api.post(f"runs/{NOWHERE}/steer/", json=more)).status_code == 404


async def test_a_change_on_a_sessions_page_is_told_in_its_log_and_taken_back(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    tasks = f"projects/{server.project}/tasks/?session={server.session}"
    async with watching(server) as socket:
        made = (await api.post(tasks, json={"title": "Login", "status": "blocked"})).json()
        frames = [await receive(socket), await receive(socket)]
        assert [frame["change"]["action"] for frame in frames] == ["created", "updated"]
        assert [frame["run"] for frame in frames] == [None, None]
        assert frames[-1]["change"]["by"] == "alice"
        assert frames[-1]["change"]["after"].items() <= made.items()
        one = f"tasks/{made['id']}/?session={server.session}"
        child = (await api.post(tasks, json={"title": "Form", "parent": made["id"]})).json()
        changed = await api.patch(one, json={"priority": "high", "depends_on": [child["id"]]})
        assert changed.json()["depends_on"] == [child["id"]]
        assert (await api.delete(one)).status_code == 204
        seen = [await receive(socket) for _ in range(3)]
        assert [frame["change"]["action"] for frame in seen] == ["created", "updated", "deleted"]
        undo = f"sessions/{server.session}/undo/"
        assert (await api.post(undo, json={"seqs": [seen[-1]["seq"]]})).status_code == 204
        assert (await receive(socket))["change"]["action"] == "restored"
        again = await api.post(undo, json={"seqs": [seen[-1]["seq"]]})
        assert (again.status_code, again.json()["code"]) == (409, "stale_change")
    assert (await api.get(f"tasks/{made['id']}/")).json()["priority"] == "high"


async def test_all_changes_of_a_run_are_taken_back_at_once(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    run = await start(api, server.session, "I need: 1. sign-up 2. login")
    await finished(api, run["id"])
    assert len((await api.get(f"projects/{server.project}/tasks/")).json()["results"]) == 2
    undo = f"sessions/{server.session}/undo/"
    assert (await api.post(undo, json={"run": run["id"]})).status_code == 204
    assert (await api.get(f"projects/{server.project}/tasks/")).json()["results"] == []
    for body in ({}, {"run": run["id"], "seqs": [1]}, {"seqs": []}, {"seqs": ["x"]}):
        assert (await api.post(undo, json=body)).status_code == 400
    assert (await api.post(undo, json={"seqs": [9_999]})).status_code == 404


async def test_without_a_session_only_the_board_is_announced(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    async with watching(server) as socket:
        made = await api.post(
            f"projects/{server.project}/memories/",
            json={"title": "Firefox", "content": "Test on it."},
        )
        assert made.status_code == 201
        assert (await receive(socket))["type"] == "board"
    assert server.rows("SELECT count(*) FROM agent_event") == [(0,)]


async def test_a_change_is_not_told_in_a_session_of_another_project(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    other = (await api.post("projects/", json={"name": "Other"})).json()
    path = f"projects/{other['id']}/tasks/?session={server.session}"
    assert list((await api.post(path, json={"title": "Login"})).json()) == ["session"]
    async with client(server, "bob") as stranger:
        his = (await stranger.post("projects/", json={"name": "His"})).json()
        path = f"projects/{his['id']}/tasks/?session={server.session}"
        assert (await stranger.post(path, json={"title": "Login"})).status_code == 404


async def test_an_edit_of_something_that_changed_meanwhile_is_refused(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    for path, body, edit in (
        (f"projects/{server.project}/tasks/", {"title": "Login"}, {"title": "Sign in"}),
        (f"projects/{server.project}/memories/", {"title": "A", "content": "B"}, {"title": "C"}),
        (f"projects/{server.project}/sessions/", {"title": "First"}, {"title": "Second"}),
    ):
        made = await api.post(path, json=body)
        one, etag = made.headers["Location"].removeprefix("/api/"), made.headers["ETag"]
        assert (await api.get(one)).headers["ETag"] == etag
        first = await api.patch(one, json=edit, headers={"If-Match": etag})
        assert (first.status_code, first.headers["ETag"] == etag) == (200, False)
        for method, how in (("PATCH", {"json": body}), ("DELETE", {})):
            second = await api.request(method, one, headers={"If-Match": etag}, **how)
            assert (second.status_code, second.json()["code"]) == (412, "stale_match")
        assert (await api.get(one)).json() == first.json()
        assert (await api.delete(one, headers={"If-Match": "*"})).status_code == 204
        assert (await api.get(one)).status_code == 404


@pytest.mark.parametrize(
    "body", [{"title": ""}, {"title": "x" * 201}, {"status": "done"}, {"parent": NOWHERE}]
)
async def test_a_task_that_cannot_be_is_refused_by_field(
    server: ServerProcess, api: httpx2.AsyncClient, body: dict[str, Any]
) -> None:
    path = f"projects/{server.project}/tasks/"
    answer = await api.post(path, json={"title": "Login", **body})
    assert (answer.status_code, list(answer.json())) == (400, list(body))
    made = (await api.post(path, json={"title": "Login"})).json()
    circle = await api.patch(f"tasks/{made['id']}/", json={"depends_on": [made["id"]]})
    assert (circle.status_code, circle.json()["code"]) == (400, "invalid")


async def test_a_field_of_the_query_that_is_not_there_is_refused_by_name(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    lists = [f"projects/{server.project}/{name}/" for name in ("tasks", "memories", "members")]
    lists += [f"sessions/{server.session}/{name}/" for name in ("runs", "messages")]
    for path in ["projects/", "tokens/", *lists]:
        answer = await api.get(path, params={"limit": 1, "statsu": "pending"})
        assert (answer.status_code, answer.json()) == (400, {"statsu": ["Unknown field."]}), path
        assert (await api.get(path, params={"limit": 1})).status_code == 200
    events = f"sessions/{server.session}/events/"
    for path in (events, f"sessions/{server.session}/", f"projects/{server.project}/", "me/"):
        answer = await api.get(path, params={"afer": 3})
        assert (answer.status_code, answer.json()) == (400, {"afer": ["Unknown field."]}), path
        assert (await api.get(path, params={"page_user": "alice"})).status_code == 200
    stream = await api.get(events, params={"afer": 3}, headers={"Accept": "text/event-stream"})
    assert (stream.status_code, stream.json()) == (400, {"afer": ["Unknown field."]})
    made = await api.post(
        f"projects/{server.project}/tasks/", params={"sesion": "x"}, json={"title": "Login"}
    )
    assert (made.status_code, made.json()) == (400, {"sesion": ["Unknown field."]})
    assert server.rows("SELECT count(*) FROM agent_task") == [(0,)]


async def test_a_method_that_a_resource_does_not_have_is_told(api: httpx2.AsyncClient) -> None:
    for method in ("PUT", "PATCH", "TRACE", "PURGE"):
        answer = await api.request(method, "projects/")
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed"), method


async def test_a_memory_has_a_history_and_its_last_change_can_be_taken_back(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    path = f"projects/{server.project}/memories/"
    body = {"title": "Database", "content": "We use MySQL.", "kind": "decision"}
    made = await api.post(path, json=body)
    one = f"memories/{made.json()['id']}"
    again = await api.post(path, json={**body, "content": "We use PostgreSQL."})
    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
    history = (await api.get(f"{one}/revisions/")).json()["results"]
    assert [revision["content"] for revision in history] == ["We use PostgreSQL.", "We use MySQL."]
    assert {revision["by"] for revision in history} == {"alice"}
    found = (await api.get(f"{path}?q=which+database&kind=decision")).json()["results"]
    assert [memory["title"] for memory in found] == ["Database"]
    assert (await api.post(f"{one}/undo/")).json()["content"] == "We use MySQL."
    assert (await api.delete(f"{one}/")).status_code == 204
    assert (await api.get(f"{one}/")).status_code == 404
    assert (await api.patch(f"{one}/", json={"title": "Gone"})).status_code == 404
    assert (await api.post(f"{one}/undo/")).json()["content"] == "We use MySQL."
    assert (await api.get(f"{one}/")).status_code == 200
    actions = [r["action"] for r in (await api.get(f"{one}/revisions/")).json()["results"]]
    assert actions == ["restored", "deleted", "updated", "updated", "created"]


async def test_feedback_is_kept_once_for_each_target(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    run = await start(api, server.session, "Hello")
    await finished(api, run["id"])
    path = f"runs/{run['id']}/feedback/"
    assert (await api.post(path, json={"target": "answer", "value": -1})).status_code == 201
    mind = await api.post(path, json={"target": "answer", "value": 1, "comment": "Well"})
    assert mind.status_code == 200
    assert [one["value"] for one in (await api.get(path)).json()] == [1]
    assert (await api.post(path, json={"target": "s99", "value": 1})).status_code == 400
    assert (await api.post(path, json={"target": "answer", "value": 3})).status_code == 400
    async with client(server, "carol") as viewer:
        assert (await viewer.get(path)).json() == []
