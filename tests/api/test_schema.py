"""The OpenAPI document is true: schemathesis plays with a real server by it, as each kind of caller."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import uuid
from pathlib import Path
from typing import Any

import httpx2
import pytest
from drf_spectacular.validation import validate_schema

from chat.api import docs
from tests.support.api_client import client, headers_of, streaming
from tests.support.server import ROOT, ServerProcess, say, watching

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "use_after_free",
    "ensure_resource_availability",
)
# Cases for each operation, and seconds for each request: all in all about half a minute.
CASES, PATIENCE = "3", "20"


async def make_objects(server: ServerProcess) -> dict[str, Any]:
    """Makes one object of each kind; returns the parameters of paths that lead to them."""
    async with client(server) as api, watching(server) as socket:
        frames = await say(socket, "Create a task to write the docs")
        memory = {"title": "Firefox", "content": "Test on it."}
        made = await api.post(f"projects/{server.project}/memories/", json=memory)
        link = await api.post(f"sessions/{server.session}/shared-links/", json={})
        asked = {
            "threadId": "a",
            "runId": "a",
            "messages": [{"id": "1", "role": "user", "content": "Hello"}],
        }
        async with streaming(api, "POST", "ag-ui/", json=asked) as stream:
            assert [event async for _, event in stream]
    change = next(frame["change"] for frame in frames if frame["type"] == "change")
    return {
        "project_id": server.project,
        "session_id": server.session,
        "run_id": frames[-1]["run"],
        "task_id": change["id"],
        "memory_id": made.json()["id"],
        "link_id": link.json()["id"],
        "username": "carol",
        "name": "a",
    }


async def doomed(server: ServerProcess) -> dict[str, dict[str, str]]:
    """Returns what may be deleted whole, by operation: the rest would go with it."""
    async with client(server) as api:
        project = (await api.post("projects/", json={"name": "Doomed"})).json()["id"]
        sessions = f"projects/{server.project}/sessions/"
        session = (await api.post(sessions, json={})).json()["id"]
    return {
        "DELETE /api/projects/{project_id}/": {"path.project_id": project},
        "DELETE /api/sessions/{session_id}/": {"path.session_id": session},
    }


def config(
    checks: tuple[str, ...], objects: dict[str, Any], exceptions: dict[str, dict[str, str]]
) -> str:
    # Checks that are named on the command line could not be turned off for an operation.
    lines = ["[checks]", "enabled = false", *(f"{check}.enabled = true" for check in checks)]
    lines += ["[parameters]", *(f'"path.{key}" = "{value}"' for key, value in objects.items())]
    for name, parameters in exceptions.items():
        lines += ["[[operations]]", f'include-name = "{name}"', "[operations.parameters]"]
        lines += [f'"{key}" = "{value}"' for key, value in parameters.items()]
    # A deleted memory keeps its revisions, and can be had back; that it is gone until then,
    # `test_writing.py` asserts.
    lines += ["[[operations]]", 'include-path-regex = "^/api/memories/"']
    lines += ["[operations.checks]", "use_after_free.enabled = false"]
    return "\n".join(lines)


def own_token(server: ServerProcess) -> str:
    rows = "SELECT t.id FROM agent_apitoken t JOIN auth_user u ON u.id = t.user_id"
    ((key,),) = server.rows(f"{rows} WHERE u.username = 'alice'")
    return str(uuid.UUID(key))


@pytest.mark.long
@pytest.mark.parametrize("caller", ["token", "cookie"])
async def test_no_answer_is_a_fault_or_undocumented(
    server: ServerProcess, tmp_path: Path, caller: str
) -> None:
    # The analytics of all projects are only for the staff.
    server.change("UPDATE auth_user SET is_staff = 1, is_superuser = 1 WHERE username = 'alice'")
    headers, checks, mode = headers_of(server), (*CHECKS, "ignored_auth"), "all"
    if caller == "cookie":
        csrf = "c" * 32
        cookie = f"sessionid={server.cast['alice']['cookie']}; csrftoken={csrf}"
        # Nonsense takes as long again, and is refused before it matters who sends it.
        headers, checks, mode = {"Cookie": cookie, "X-CSRFToken": csrf}, CHECKS, "positive"
    (tmp_path / "schemathesis.toml").write_text(
        config(checks, await make_objects(server), await doomed(server))
    )
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).parent / "schemathesis"), "run"),
        f"{server.url}/api/schema/",
        *(part for name in headers for part in ("-H", f"{name}: {headers[name]}")),
        *("--request-timeout", PATIENCE, "-n", CASES, "--mode", mode),
        *("--phases", "examples,coverage,fuzzing,stateful", "--no-color", "--continue-on-failure"),
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks",
            "OWN_TOKEN": own_token(server),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    text = out.decode()
    assert process.returncode == 0, text[-8000:]
    assert "Authentication failed" not in text
    assert "Stateful (in" in text
    assert "Traceback" not in server.log.read_text()


async def test_the_description_is_open_and_names_every_way_in(server: ServerProcess) -> None:
    async with httpx2.AsyncClient(base_url=server.url) as nobody:
        told = json.loads((await nobody.get("/api/schema/")).text)
        page = await nobody.get("/api/docs/")
    assert set(told["components"]["securitySchemes"]) == {"token", "cookieAuth"}
    assert len(told["paths"]) > 30
    assert page.status_code == 200
    assert "/api/schema/" in page.text


def test_every_operation_has_a_name_a_section_and_a_sentence_of_its_own() -> None:
    described = json.loads(docs.document())
    validate_schema(described)
    assert described["openapi"] == "3.1.0"
    sections = {tag["name"] for tag in described["tags"]}
    operations = [one for path in described["paths"].values() for one in path.values()]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names) > 50
    for one in operations:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", one["operationId"]), one["operationId"]
        (section,) = one["tags"]
        assert section in sections, one["operationId"]
        assert len(one["summary"].split()) > 2, one["operationId"]
        assert "A view" not in one["description"]
    assert {"list_projects", "change_task", "approve_run", "send_message"} <= set(names)


async def test_a_stranger_sees_nothing_and_changes_nothing_of_somebody_elses(
    server: ServerProcess,
) -> None:
    objects = await make_objects(server)
    before = server.rows("SELECT count(*), max(last_seq) FROM agent_chatsession")
    async with client(server) as api:
        paths = json.loads((await api.get("schema/")).text)["paths"]
    tried = 0
    async with client(server, "bob") as stranger:
        for path, operations in paths.items():
            if "{" not in path:
                continue
            place = path.removeprefix("/api/").replace("{token_id}", own_token(server))
            for key, value in objects.items():
                place = place.replace(f"{{{key}}}", str(value))
            for method in operations:
                answer = await stranger.request(method.upper(), place, json={})
                assert answer.status_code == 404, (method, place, answer.text)
                tried += 1
        for path in ("projects/", "tokens/"):
            seen = (await stranger.get(path)).json()["results"]
            assert all(one.get("owner", "bob") == "bob" for one in seen)
            assert server.project not in str(seen)
    assert tried > 40
    assert server.rows("SELECT count(*), max(last_seq) FROM agent_chatsession") == before
