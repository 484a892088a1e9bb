"""A guest of a real server: a program or a browser that has opened a shared link, without an account."""

from __future__ import annotations

import re
from typing import Any

import httpx2
from websockets.asyncio.client import connect

from tests.support.api_client import client
from tests.support.server import PATIENCE, ServerProcess


async def share(server: ServerProcess, **how: Any) -> dict[str, Any]:
    """Makes a link to the session as alice; returns it with its address."""
    async with client(server) as api:
        made = await api.post(f"sessions/{server.session}/shared-links/", json=how)
    assert made.status_code == 201, made.text
    link: dict[str, Any] = made.json()
    return link


async def revoke(server: ServerProcess, link: dict[str, Any]) -> None:
    async with client(server, "dave") as api:
        assert (await api.delete(f"shared-links/{link['id']}/")).status_code == 204


def expire(server: ServerProcess, link: dict[str, Any]) -> None:
    key = link["id"].replace("-", "")
    server.change(f"UPDATE agent_sharedlink SET expires_at = created_at WHERE id = '{key}'")


class Guest:
    """Keeps all bytes that it has received."""

    def __init__(self, server: ServerProcess, link: dict[str, Any]) -> None:
        self.server, self.link = server, link
        self.path = f"/shared/{link['id']}/"
        self.http = httpx2.AsyncClient(base_url=server.url, timeout=PATIENCE)
        self.received: list[str] = []

    async def open(self) -> httpx2.Response:
        """Posts the secret of the link, as the page does; returns the response."""
        page = await self.http.get(self.path)
        (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        secret = self.link["url"].partition("#")[2]
        fields = {"csrfmiddlewaretoken": token, "secret": secret}
        return await self.http.post(self.path, data=fields)

    async def get(self, part: str = "", **headers: str) -> httpx2.Response:
        response = await self.http.get(self.path + part, headers=headers)
        self.received.append(response.text)
        return response

    def socket(self, after: int = 0, **headers: str) -> connect:
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        sent = {"Cookie": cookies, "Origin": self.server.url, **headers}
        address = f"ws://127.0.0.1:{self.server.port}{self.path}socket/?after={after}"
        return connect(address, additional_headers=sent, max_size=None, compression=None)

    async def leave(self) -> None:
        await self.http.aclose()
