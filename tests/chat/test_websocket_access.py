"""Who gets a WebSocket of a real server process, and with which code the others are closed."""

from __future__ import annotations

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

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


async def test_a_stranger_is_told_the_same_as_for_a_session_that_is_not_there(
    server: ServerProcess,
) -> None:
    assert await close_code(server, name="bob") == 4404
    assert await close_code(server, session=NOWHERE) == 4404
    assert await close_code(server, session="not-a-uuid") == 4404


async def test_without_a_login_the_socket_closes_with_4401(server: ServerProcess) -> None:
    assert await close_code(server, headers={}) == 4401
    assert await close_code(server, headers={"Authorization": "Token samurai_wrong"}) == 4401
    cookie = f"sessionid={server.cast['alice']['cookie']}"
    assert await close_code(server, headers={"Cookie": cookie}) == 4401  # no Origin: not a page
    origin = {"Origin": server.url}
    assert await close_code(server, headers={"Cookie": "sessionid=wrong", **origin}) == 4401


async def test_a_cookie_counts_from_a_page_of_the_site_only(server: ServerProcess) -> None:
    cookie = {"Cookie": f"sessionid={server.cast['alice']['cookie']}"}
    async with server.client(headers={**cookie, "Origin": server.url}) as socket:
        assert (await receive(socket))["type"] == "hello"
    foreign = [
        "http://evil.example",
        f"https://127.0.0.1:{server.port}",
        f"http://127.0.0.1:{server.port + 1}",
        f"http://localhost:{server.port}",
        "null",
        "",
    ]
    for origin in foreign:
        with pytest.raises(InvalidStatus) as refused:
            async with server.client(headers={**cookie, "Origin": origin}):
                pass
        assert refused.value.response.status_code == 403, origin


async def test_a_page_that_was_made_for_another_user_gets_nothing(server: ServerProcess) -> None:
    users = dict(server.rows("SELECT username, id FROM auth_user"))
    cookie = {"Cookie": f"sessionid={server.cast['alice']['cookie']}", "Origin": server.url}
    address = f"ws://127.0.0.1:{server.port}/ws/sessions/{server.session}/"

    def opened(name: str) -> connect:
        query = f"?after=0&page_user={users[name]}"
        return connect(address + query, additional_headers=cookie, compression=None)

    async with opened("alice") as socket:
        assert (await receive(socket))["type"] == "hello"
    async with opened("dave") as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403


async def test_a_socket_at_another_address_is_refused(server: ServerProcess) -> None:
    with pytest.raises(InvalidStatus):
        async with server.client(session="a/b/c"):
            pass
    assert "Traceback" not in server.log.read_text()


async def test_a_viewer_watches_and_may_not_send(server: ServerProcess) -> None:
    async with watching(server, name="carol") as viewer, watching(server) as owner:
        await send(viewer, "Hello")
        assert (await receive(viewer))["code"] == "forbidden"
        frames = await say(owner, "Hello")
        assert await until(viewer, is_last) == frames


async def test_logging_out_closes_the_socket(server: ServerProcess) -> None:
    key = server.cast["alice"]["cookie"]
    headers = {"Cookie": f"sessionid={key}", "Origin": server.url}
    async with server.client(headers=headers) as socket:
        await receive(socket)
        server.change(f"DELETE FROM django_session WHERE session_key = '{key}'")
        with pytest.raises(ConnectionClosed) as closed:
            await until(socket, lambda frame: False)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


@pytest.mark.parametrize(
    ("change", "name", "code"),
    [
        ("UPDATE auth_user SET is_active = false WHERE username = 'carol'", "carol", 4401),
        ("UPDATE agent_apitoken SET revoked_at = '2020-01-01'", "carol", 4401),
        ("DELETE FROM agent_membership", "carol", 4404),
    ],
)
async def test_losing_access_closes_the_socket(
    server: ServerProcess, change: str, name: str, code: int
) -> None:
    async with watching(server, name=name) as socket:
        server.change(change)
        with pytest.raises(ConnectionClosed) as closed:
            await until(socket, lambda frame: False)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code
