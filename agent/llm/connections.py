"""One shared `openai` client for each event loop and server, closed with its loop."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncGenerator
from urllib.parse import unquote, urlsplit

import httpx2
from openai import AsyncOpenAI, DefaultAioHttpClient, Timeout

from agent.exceptions import ModelRefused
from agent.llm.errors import Server
from agent.support.per_loop import PerLoop

# Seconds until a server that does not take connections counts as away.
CONNECT = 10.0

_Clients = dict[tuple[str, str], tuple[AsyncOpenAI, AsyncGenerator[None, None]]]
_clients: PerLoop[_Clients] = PerLoop(dict)


async def client_of(server: Server) -> AsyncOpenAI:
    """Returns this loop's client for `server`."""
    of_loop = _clients.here()
    place = (server.base_url, server.key)
    if place not in of_loop:
        client = _client(server)
        keeper = _close_at_the_end(client)
        of_loop[place] = client, keeper
        await anext(keeper)
    return of_loop[place][0]


async def close_clients() -> None:
    """Closes this loop's clients now; whoever ends a loop by `asyncio.run` need not."""
    for _, keeper in (_clients.drop() or {}).values():
        await keeper.aclose()


async def _close_at_the_end(client: AsyncOpenAI) -> AsyncGenerator[None, None]:
    """Stays suspended: a loop that ends closes its generators, and with this one the client."""
    try:
        yield
    finally:
        # The client's connections hold the loop: kept, neither would ever be freed.
        _clients.drop()
        await client.close()


def _client(server: Server) -> AsyncOpenAI:
    if not _is_address(server.base_url):
        raise ModelRefused("OPENAI_BASE_URL is not an address.")
    try:
        address, headers = _without_login(server.base_url)
        return AsyncOpenAI(
            base_url=address,
            default_headers=headers,
            # Servers at home need no key, but the client insists on one.
            api_key=server.key or "none",
            # The other one looks through all its connections for each request: with hundreds of them,
            # that is most of what a request costs.
            http_client=DefaultAioHttpClient(),
            max_retries=0,  # its own retries obey a Retry-After of minutes
            timeout=Timeout(None, connect=CONNECT),  # per read; each call has its deadline
        )
    except httpx2.InvalidURL:
        raise ModelRefused("OPENAI_BASE_URL is not an address.") from None


def _without_login(url: str) -> tuple[str, dict[str, str]]:
    """Returns the address without a name and password in it, and the header that says them instead."""
    parts = urlsplit(url)
    if parts.username is None:
        return url, {}
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    basic = f"Basic {b64encode(login.encode()).decode()}"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), {"Authorization": basic}


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
