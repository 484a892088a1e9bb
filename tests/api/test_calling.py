"""What all calls share: keys that make them once, pages, throttles, people and their tokens, an outage."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import psycopg
import pytest

from tests.support.api_client import client, page_client, streaming, until
from tests.support.server import ServerProcess, watching

NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def api(server: ServerProcess) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(server) as api:
        yield api


# -- once ------------------------------------------------------------------------------------------


async def test_a_creating_call_with_a_key_is_carried_out_once(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    project = f"projects/{server.project}"
    calls: list[tuple[str, dict[str, Any]]] = [
        ("projects/", {"name": "New"}),
        (f"{project}/sessions/", {"title": "New"}),
        (f"{project}/tasks/", {"title": "New"}),
        (f"{project}/memories/", {"title": "New", "content": "New"}),
        (f"{project}/invitations/", {"user": "bob", "role": "viewer"}),
        (f"sessions/{server.session}/messages/", {"content": "Hello"}),
    ]
    for number, (path, body) in enumerate(calls):
        key = {"Idempotency-Key": f"key-{number}"}
        first = await api.post(path, json=body, headers=key)
        again = await api.post(path, json=body, headers=key)
        assert first.status_code == 201, first.text
        assert (again.status_code, again.json()) == (201, first.json())
        assert again.headers["Idempotency-Replayed"] == "true"
        for header in ("Location", "ETag"):
            assert again.headers.get(header) == first.headers.get(header)
        other = await api.post(path, json={**body, "more": 1}, headers=key)
        assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert server.rows("SELECT count(*) FROM agent_run") == [(1,)]
    assert server.rows("SELECT count(*) FROM agent_task") == [(1,)]


async def test_of_many_at_once_one_is_carried_out(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    path = f"projects/{server.project}/tasks/"
    for number in range(3):
        key = {"Idempotency-Key": f"at once {number}".replace(" ", "-")}
        asked = [api.post(path, json={"title": "New"}, headers=key) for _ in range(8)]
        answers = Counter(answer.status_code for answer in await asyncio.gather(*asked))
        assert set(answers) <= {201, 409}
        assert answers[201] >= 1
        late = await api.post(path, json={"title": "New"}, headers=key)
        assert late.status_code == 201
    assert server.rows("SELECT count(*) FROM agent_task") == [(3,)]


async def test_a_refused_call_may_be_corrected_under_its_key(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    path, key = f"projects/{server.project}/tasks/", {"Idempotency-Key": "one"}
    assert (await api.post(path, json={"title": ""}, headers=key)).status_code == 400
    assert (await api.post(path, json={"title": "New"}, headers=key)).status_code == 201
    bad = await api.post(path, json={"title": "New"}, headers={"Idempotency-Key": "a b"})
    assert bad.status_code == 400


async def test_a_key_is_each_persons_own_and_does_not_last_for_ever(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    key = {"Idempotency-Key": "one"}
    first = await api.post("projects/", json={"name": "New"}, headers=key)
    async with client(server, "bob") as bob:
        his = await bob.post("projects/", json={"name": "New"}, headers=key)
    assert his.json()["id"] != first.json()["id"]
    server.change("UPDATE chat_keptanswer SET began_at = '2020-01-01'")
    later = await api.post("projects/", json={"name": "New"}, headers=key)
    assert later.json()["id"] not in (first.json()["id"], his.json()["id"])


async def test_a_call_that_died_with_its_server_is_carried_out_again(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    key = {"Idempotency-Key": "one"}
    await api.post("projects/", json={"name": "New"}, headers=key)
    server.change("UPDATE chat_keptanswer SET status = NULL")
    busy = await api.post("projects/", json={"name": "New"}, headers=key)
    assert (busy.status_code, busy.json()["code"]) == (409, "in_progress")
    server.change("UPDATE chat_keptanswer SET began_at = datetime('now', '-2 minutes')")
    assert (await api.post("projects/", json={"name": "New"}, headers=key)).status_code == 201


# -- people ----------------------------------------------------------------------------------------


async def test_the_owner_lets_people_in_and_out_and_nobody_else_does(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    members, invitations = (f"projects/{server.project}/{n}/" for n in ("members", "invitations"))
    async with client(server, "bob") as bob, client(server, "carol") as carol:
        made = await api.post(invitations, json={"user": "bob", "role": "viewer"})
        assert made.status_code == 201
        assert (await bob.get(f"projects/{server.project}/")).status_code == 404
        (mine,) = (await bob.get("invitations/")).json()["results"]
        assert mine == made.json()
        accept = f"invitations/{mine['id']}/accept/"
        assert (await carol.post(accept)).status_code == 404
        assert (await bob.post(accept)).json()["role"] == "viewer"
        assert (await bob.post(accept)).status_code == 404
        assert (await bob.get(f"projects/{server.project}/")).json()["role"] == "viewer"
        other = {"user": "dora", "role": "owner"}
        assert (await bob.post(invitations, json=other)).status_code == 403
        assert (await bob.get(invitations)).status_code == 403
        kept = (await api.post(invitations, json=other)).json()["id"]
        assert (await carol.post(f"invitations/{kept}/decline/")).status_code == 404
        assert (await api.delete(f"{invitations}{kept}/")).status_code == 204
        made = await api.get(f"{members}bob/")
        stale = await api.patch(
            f"{members}bob/", json={"role": "editor"}, headers={"If-Match": '"x"'}
        )
        assert stale.status_code == 412
        etag = {"If-Match": made.headers["ETag"]}
        raised = await api.patch(f"{members}bob/", json={"role": "editor"}, headers=etag)
        assert raised.json()["role"] == "editor"
        tasks = f"projects/{server.project}/tasks/"
        assert (await bob.post(tasks, json={"title": "His"})).status_code == 201
        assert (await bob.delete(f"{members}carol/")).status_code == 403
        assert (await bob.delete(f"{members}bob/")).status_code == 204
        assert (await bob.get(tasks)).status_code == 404
        again = (await api.post(invitations, json={**other, "user": "bob"})).json()["id"]
        assert (await bob.post(f"invitations/{again}/decline/")).status_code == 204
        assert (await api.get(invitations)).json()["results"] == []
    assert list((await api.post(invitations, json={**other, "user": "alice"})).json()) == ["user"]


async def test_a_project_is_edited_and_deleted_by_its_owner_alone(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    path = f"projects/{server.project}/"
    async with client(server, "carol") as viewer:
        assert (await viewer.patch(path, json={"name": "Hers"})).status_code == 403
        assert (await viewer.delete(path)).status_code == 403
    async with watching(server):
        changed = await api.patch(path, json={"description": "A clinic."})
        assert (changed.json()["name"], changed.json()["description"]) == (
            "Clinic booking",
            "A clinic.",
        )
        assert (await api.delete(path)).status_code == 204
    assert (await api.get("projects/")).json()["results"] == []
    assert server.rows("SELECT count(*) FROM agent_chatsession") == [(0,)]
    assert "alice deleted the project" in server.log.read_text()


async def test_a_token_is_shown_once_works_and_ends_its_streams_when_revoked(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    key = {"Idempotency-Key": "one"}
    made = await api.post("tokens/", json={"name": "ci", "scope": "read"}, headers=key)
    again = await api.post("tokens/", json={"name": "ci", "scope": "read"}, headers=key)
    secret = made.json()["key"]
    assert again.json() == {**made.json(), "key": None}
    assert secret not in str(server.rows("SELECT * FROM chat_keptanswer"))
    assert secret not in str(server.rows("SELECT * FROM agent_apitoken"))
    listed = (await api.get("tokens/")).json()["results"]
    assert [token.get("key") for token in listed] == [None, None]
    async with httpx2.AsyncClient(
        base_url=f"{server.url}/api/", headers={"Authorization": f"Token {secret}"}
    ) as program:
        assert (await program.get("me/")).json()["scope"] == "read"
        assert (await program.post("projects/", json={"name": "No"})).status_code == 403
        events = f"sessions/{server.session}/events/"
        async with streaming(program, "GET", events) as stream:
            await until(stream, lambda frame: frame["type"] == "hello")
            assert (await api.delete(f"tokens/{made.json()['id']}/")).status_code == 204
            assert [frame async for _, frame in stream] == []
        assert (await program.get("me/")).status_code == 401
    async with client(server, "bob") as bob:
        assert (await bob.delete(f"tokens/{listed[1]['id']}/")).status_code == 404


async def test_the_tools_are_told_with_their_schemas(api: httpx2.AsyncClient) -> None:
    tools = {tool["name"]: tool for tool in (await api.get("tools/")).json()}
    assert "title" in tools["create_task"]["arguments"]["properties"]
    assert tools["delete_task"]["destructive"]
    assert (tools["delete_task"]["effect"], tools["delete_task"]["timeout"]) == ("deletes", 60)
    assert tools["delete_task"]["package"] == "agent"
    assert tools["delete_task"]["summary"] == "Deletes one task."


# -- pages, limits, outages ------------------------------------------------------------------------


async def test_pages_hold_each_row_once_while_rows_are_added(
    server: ServerProcess, api: httpx2.AsyncClient
) -> None:
    path = f"projects/{server.project}/tasks/"
    for number in range(7):
        await api.post(path, json={"title": f"Task {number}"})
    titles: list[str] = []
    url = f"{path}?limit=3"
    while url:
        page = (await api.get(url)).json()
        titles += [task["title"] for task in page["results"]]
        url = page["next"]
        if len(titles) == 3:
            await api.post(path, json={"title": "Task 7"})
    assert titles == [f"Task {number}" for number in range(8)]
    for cursor in ("x", "cD1ub3RhbnVtYmVy", "cD0AAA=="):
        assert (await api.get(f"{path}?cursor={cursor}")).status_code == 400
    high = await api.get(f"{path}?status=pending&priority=high")
    assert high.json()["results"] == []
    assert (await api.get(f"{path}?status=none")).status_code == 400


async def test_too_many_requests_are_told_when_to_come_back(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server(SAMURAI_API_REQUESTS_PER_MINUTE="3", SAMURAI_USER_RUNS_PER_MINUTE="1")
    async with client(server) as api, client(server, "carol") as other:
        messages = f"sessions/{server.session}/messages/"
        assert (await api.post(messages, json={"content": "Hello"})).status_code == 201
        for code in ("rate_limited", "throttled"):
            await api.get("me/") if code == "throttled" else None
            refused = await api.post(messages, json={"content": "Hello"})
            assert (refused.status_code, refused.json()["code"]) == (429, code)
            assert int(refused.headers["Retry-After"]) > 0
        assert (await other.get("me/")).status_code == 200


async def test_an_address_that_is_not_there_is_told_as_json(server: ServerProcess) -> None:
    async with page_client(server) as page:
        for path in ("nowhere/", f"runs/{NOWHERE}/launch/", "projects/x/", "tasks/%00/"):
            answer = await page.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


@pytest.mark.postgresql
async def test_while_the_database_is_away_it_says_so_and_when_to_come_back(
    postgresql_server: ServerProcess,
) -> None:
    server = postgresql_server
    address, _, name = server.env["DATABASE_URL"].rpartition("/")
    async with client(server) as api:
        assert (await api.get("me/")).status_code == 200
        with psycopg.connect(f"{address}/postgres", autocommit=True) as admin:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            away = await api.get("projects/", timeout=60)
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert (away.status_code, away.json()["code"]) == (503, "unavailable")
        assert int(away.headers["Retry-After"]) > 0
        async with asyncio.timeout(60):
            while (await api.get("projects/")).status_code != 200:
                await asyncio.sleep(0.2)
