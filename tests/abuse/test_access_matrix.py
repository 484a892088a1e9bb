"""Who gets in where: every address and every frame, tried by everybody. `tests/support/access_table.py` says
what has to come out. Only the admin is left out, where Django's permissions decide: see `tests/admin`.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from agent.models import ChatSession, Project
from chat import frames
from chat.connection_identity import NOT_LOGGED_IN, NOT_THERE
from chat.consumers import GuestConsumer, SessionConsumer
from chat.routing import websocket_urlpatterns
from tests.support import access_table
from tests.support.access_table import METHODS, ROLES, SAFE, Row
from tests.support.access_world import Visitors, World, people

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = list(access_table.rows())
ADMIN = "admin/"
TAKES_AWAY = re.compile(
    "(delete|revoke|remove|withdraw|accept|decline)/"
)  # what the next one would ask for


def routes(resolver: URLResolver, before: str = "") -> Iterator[str]:
    """Yields every address of the site as the URL configuration has it."""
    for one in resolver.url_patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLPattern):
            yield route
        elif route != ADMIN:
            yield from routes(one, route)


def text(response: Any) -> str:
    """Returns what the response says, without what is new in each."""
    content = b"" if response.streaming else response.content
    ids = r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}"
    shown = re.sub(ids, "ID", content.decode("utf-8", "replace"))
    return re.sub(r'(name="csrfmiddlewaretoken" value=")\w+', r"\1", shown)


def outcome(response: Any, row: Row) -> str:
    status = response.status_code
    if row.who == "anybody" and status not in (404, 405):
        return "in"
    if status == 401 or (status == 302 and "/accounts/sign-in/?next=" in response["Location"]):
        return "sign in"
    return {403: "too low", 404: "none", 405: "no such method", 429: "too many"}.get(status, "in")


def test_every_address_has_a_row_and_every_row_an_address() -> None:
    assert {row.route for row in ROWS} == set(routes(get_resolver()))
    assert len(set(ROWS)) == len({(row.method, row.route) for row in ROWS}) == len(ROWS)


def test_everybody_gets_in_where_the_table_says_and_nowhere_else() -> None:
    users = people()
    visitors, world = Visitors(users), World(users)
    wrong = []
    for row in ROWS:
        # Who is refused comes first: what the others do needs objects of its own afterwards.
        for role in sorted(ROLES, key=lambda role: row.outcome(role) == "in"):
            response = visitors.ask(role, world, row)
            found, expected = outcome(response, row), row.outcome(role)
            if found != expected:
                wrong.append(f"{role} {row}: {found} ({response.status_code}), not {expected}")
            if expected == "none" and row.names_an_object:
                other = visitors.ask(role, world, row, random=True)
                same = (other.status_code, text(other)) == (response.status_code, text(response))
                wrong += [] if same else [f"{role} {row}: not the same as of a random id"]
            if found == "in" and (row.method == "DELETE" or TAKES_AWAY.search(row.route)):
                world = World(users)
        if "sign-out" in row.route:
            visitors.sign_in_again()
    assert not wrong, "\n".join(wrong)


def test_an_address_has_no_methods_but_those_of_the_table() -> None:
    users = people()
    visitors, world = Visitors(users), World(users)
    known = {(row.method, row.route) for row in ROWS}
    for route, who in sorted({(row.route, row.who) for row in ROWS}):
        for method in METHODS:
            # django-allauth leads elsewhere before it looks at the method.
            if (method, route) not in known and not route.startswith("accounts/"):
                role = {"anybody": "anonymous", "guest": "guest"}.get(who, "owner")
                response = visitors.ask(role, world, Row(method, route, who))
                assert response.status_code == 405, (method, route)


def test_nothing_is_changed_for_a_cookie_without_the_token_of_a_form() -> None:
    users = people()
    visitors, world = Visitors(users, checks_csrf=True), World(users)
    for row in ROWS:
        if row.method not in SAFE and row.who != "nobody":
            response = visitors.ask("owner", world, row)
            assert response.status_code == 403, row
            assert "CSRF" in text(response) or not row.is_api, row


# What names an object of somebody else in its body or query, beside an own one in its path.
NAMING: list[tuple[str, str, dict[str, Any]]] = [
    ("PATCH", "/api/sessions/{own_session}/", {"task": "{task_id}"}),
    ("POST", "/api/sessions/{own_session}/messages/", {"content": "Hi", "task": "{task_id}"}),
    ("POST", "/api/sessions/{own_session}/shared-links/", {"run": "{run_id}"}),
    ("POST", "/api/projects/{own_project}/chat/", {"message": "Hi", "session": "{session_id}"}),
    ("POST", "/api/projects/{own_project}/chat/", {"message": "Hi", "task": "{task_id}"}),
    ("POST", "/api/projects/{own_project}/tasks/", {"title": "A", "parent": "{task_id}"}),
    ("POST", "/api/projects/{own_project}/tasks/", {"title": "A", "depends_on": ["{task_id}"]}),
    ("POST", "/api/projects/{own_project}/tasks/?session={session_id}", {"title": "A"}),
    ("GET", "/api/projects/{own_project}/tasks/?parent={task_id}", {}),
    (
        "POST",
        "/api/ag-ui/",
        {
            "threadId": "t",
            "runId": "r",
            "state": {},
            "tools": [],
            "context": [],
            "messages": [{"id": "1", "role": "user", "content": "Hi"}],
            "forwardedProps": {"project": "{project_id}"},
        },
    ),
    ("POST", "/sessions/{own_session}/undo/", {"run": "{run_id}"}),
    ("POST", "/sessions/{own_session}/retry/", {"run": "{run_id}"}),
    ("POST", "/sessions/{own_session}/regenerate/", {"run": "{run_id}"}),
    ("POST", "/sessions/{own_session}/links/", {"run": "{run_id}", "days": "7"}),
    ("GET", "/sessions/{own_session}/replay/?run={run_id}", {}),
    ("GET", "/sessions/{own_session}/replay/board/?run={run_id}", {}),
    ("GET", "/sessions/{own_session}/where/run-{run_id}/", {}),
    ("GET", "/waiting/count/?project={project_id}", {}),
]


@pytest.mark.parametrize("role", ["stranger", "elsewhere"])
def test_an_id_in_a_body_or_query_opens_nothing_of_somebody_else(role: str) -> None:
    users = people()
    visitors, world = Visitors(users), World(users)
    own = world.elsewhere
    if role == "stranger":
        own = Project.objects.create(name="Own", owner=users["stranger"])
    session = ChatSession.objects.create(project=own, created_by=own.owner)
    mine = {"{own_project}": str(own.pk), "{own_session}": str(session.pk)}
    theirs = {f"{{{name}}}": str(value) for name, value in world.ids.items()}
    random = {f"{{{name}}}": str(uuid.uuid4()) for name in world.ids}
    for method, path, body in NAMING:
        if role == "elsewhere" and not path.startswith("/api/"):
            continue  # of pages, no program gets any
        found = []
        for ids in (theirs, random):
            asked = json.dumps([path, body])
            for name, value in {**mine, **ids}.items():
                asked = asked.replace(name, value)
            response = visitors.send(role, world, method, *json.loads(asked))
            found.append((response.status_code, text(response)))
        assert found[0] == found[1], (method, path, body)
        assert found[0][0] >= 400 or method == "GET", (method, path, body)


# -- WebSockets ------------------------------------------------------------------------------------


class Socket:
    """A connection to the consumers in this process. `code`: with which it was closed, None while open."""

    def __init__(self, path: str, headers: dict[str, str]) -> None:
        sent = {"host": "testserver", **headers}
        self.scope = {
            "type": "websocket",
            "path": path,
            "query_string": b"after=0",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "scheme": "ws",
        }
        self.code: int | None = None
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._out: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def __aenter__(self) -> Socket:
        self._in.put_nowait({"type": "websocket.connect"})
        router = URLRouter(websocket_urlpatterns)
        self._task = asyncio.create_task(router(self.scope, self._in.get, self._out.put))
        assert await self._out.get() == {"type": "websocket.accept"}
        first = await self._out.get()
        self.code = first.get("code")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._in.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await self._task

    async def refusal(self, frame: dict[str, Any]) -> tuple[str, str] | None:
        """Sends a frame; returns the code and the text with which it is refused, None if it is not."""
        for one in (frame, {"type": "ping"}):
            self._in.put_nowait({"type": "websocket.receive", "text": json.dumps(one)})
        while True:
            answer = json.loads((await self._out.get())["text"])
            if answer["type"] == "rejected":
                return answer["code"], answer["error"]
            if answer["type"] == "heartbeat" and frame["type"] in ("ack", "ping"):
                return None


def frame_of(kind: str, run: object) -> dict[str, Any]:
    """Returns a frame that is well formed and refused for what it says, if not for who sends it."""
    client_id = str(uuid.uuid4())
    bodies: dict[str, dict[str, Any]] = {
        "message": {"content": " ", "client_id": client_id},
        "steer": {"content": " ", "client_id": client_id},
        "edit_plan": {"steps": []},
        "ack": {"seq": 1},
    }
    return {"type": kind, "run": str(run), "plan_revision": 1, **bodies.get(kind, {})}


def socket_of(role: str, visitors: Visitors, world: World, session: object) -> Socket:
    if role == "guest":
        cookie = f"samurai_guest={world.guest_cookie}"
        path = f"/shared/{world.ids['link_id']}/socket/"
        return Socket(path, {"origin": "http://testserver", "cookie": cookie})
    headers = {"origin": "http://testserver"}
    if role in world.keys:
        headers["authorization"] = f"Token {world.keys[role]}"
    elif role in visitors.cookies:
        headers["cookie"] = f"{settings.SESSION_COOKIE_NAME}={visitors.cookies[role]}"
    return Socket(f"/ws/sessions/{session}/", headers)


def _made() -> tuple[Visitors, World, ChatSession]:
    users = people()
    own = Project.objects.create(name="Own", owner=users["stranger"])
    return Visitors(users), World(users), ChatSession.objects.create(project=own)


def test_every_socket_and_every_frame_has_a_row() -> None:
    assert set(access_table.frames()) == set(frames.FRAMES)
    consumers = [getattr(one.callback, "consumer_class", None) for one in websocket_urlpatterns]
    assert consumers == [SessionConsumer, GuestConsumer, None]  # the last one refuses all others


async def test_everybody_may_send_the_frames_that_the_table_says_and_no_others() -> None:
    visitors, world, _ = await sync_to_async(_made)()
    members = access_table.WHO["viewer"] | {"guest"}
    for role in ROLES:
        async with socket_of(role, visitors, world, world.session.pk) as socket:
            if role not in members:
                expected = NOT_LOGGED_IN if role == "anonymous" else NOT_THERE
                assert socket.code == expected, role
                async with socket_of(role, visitors, world, uuid.uuid4()) as nowhere:
                    assert nowhere.code == expected, role
                continue
            assert socket.code is None, role
            for kind, who in access_table.frames().items():
                refusal = await socket.refusal(frame_of(kind, world.runs[0].pk))
                is_refused = refusal is not None and refusal[0] == "forbidden"
                assert is_refused == (role not in who), (role, kind, refusal)


async def test_a_frame_with_a_run_of_somebody_else_looks_the_same_as_with_none() -> None:
    visitors, world, own = await sync_to_async(_made)()
    async with socket_of("stranger", visitors, world, own.pk) as socket:
        for kind in ("steer", "cancel", "approve", "reject", "edit_plan"):
            found = [
                await socket.refusal({**frame_of(kind, run), "content": "Hi"})
                for run in (world.runs[0].pk, uuid.uuid4())
            ]
            assert found[0] == found[1], kind
            assert (found[0] or ("",))[0] == "not_found", kind
        message = {**frame_of("message", ""), "content": "Hi"}
        found = [
            await socket.refusal({**message, "client_id": str(uuid.uuid4()), "task": str(task)})
            for task in (world.ids["task_id"], uuid.uuid4())
        ]
        assert found[0] == found[1]
        assert found[0] is not None
