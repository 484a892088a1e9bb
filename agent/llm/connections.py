"""One shared `openai` client per event loop and server, closed together with the loop.

Whatever imports this module imports the client, which takes a second: only a call of a model does.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncGenerator
from functools import cache
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx2
import openai
from openai import AsyncOpenAI, DefaultAioHttpClient, Timeout

from agent.exceptions import ModelRefused, ModelUnavailable
from agent.llm.errors import RequestFailed, Server, from_error, from_status, retry_after
from agent.support.per_loop import PerLoop

CONNECT_TIMEOUT = 10.0  # seconds

_Clients = dict[tuple[str, str], tuple[AsyncOpenAI, AsyncGenerator[None, None]]]
_clients: PerLoop[_Clients] = PerLoop(dict)
_opening: PerLoop[asyncio.Lock] = PerLoop(asyncio.Lock)


async def client_of(server: Server) -> AsyncOpenAI:
    """Returns this loop's client for `server`."""
    of_loop = _clients.here()
    place = (server.base_url, server.key)
    if place in of_loop:
        return of_loop[place][0]
    async with _opening.here():
        if place not in of_loop:
            # In a thread: the first client imports its transport and reads the certificates.
            client = await asyncio.to_thread(_client, server)
            closer = _close_with_loop(client)
            of_loop[place] = client, closer
            await anext(closer)
    return of_loop[place][0]


async def close_clients() -> None:
    """Closes this loop's clients now. `asyncio.run` closes them by itself."""
    for _, closer in (_clients.drop() or {}).values():
        await closer.aclose()


async def _close_with_loop(client: AsyncOpenAI) -> AsyncGenerator[None, None]:
    """Stays suspended. A loop that ends closes its async generators, and this one closes the client."""
    try:
        yield
    finally:
        # The client's connections refer to the loop: a client kept here would keep the loop alive.
        _clients.drop()
        await client.close()


def _client(server: Server) -> AsyncOpenAI:
    if not _is_address(server.base_url):
        raise ModelRefused("OPENAI_BASE_URL is not a valid URL.")
    try:
        address, query = _without_query(server.base_url)
        address, headers = _without_login(address)
        return AsyncOpenAI(
            base_url=address,
            default_headers=headers,
            default_query=query,
            # Local servers need no key, but the client requires one.
            api_key=server.key or "none",
            # The default client searches all connections on each request: with hundreds of them, that
            # takes most of a request's processor time.
            http_client=DefaultAioHttpClient(verify=_certificates()),
            max_retries=0,  # its own retries wait for minutes if Retry-After says so
            timeout=Timeout(None, connect=CONNECT_TIMEOUT),  # per read; each call has its deadline
        )
    except httpx2.InvalidURL:
        raise ModelRefused("OPENAI_BASE_URL is not a valid URL.") from None


@cache
def _certificates() -> ssl.SSLContext:
    """Those that the process trusts: to read them takes a hundredth of a second."""
    return httpx2.create_ssl_context()


def _without_query(url: str) -> tuple[str, dict[str, object]]:
    """Returns the URL without its query, and the query, which each request has: an API's version."""
    parts = urlsplit(url)
    return parts._replace(query="").geturl(), dict(parse_qsl(parts.query))


def _without_login(url: str) -> tuple[str, dict[str, str]]:
    """Returns the URL without its user name and password, and the header that replaces them."""
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


def from_exception(error: openai.APIError, server: Server) -> RequestFailed:
    if isinstance(error, openai.APIStatusError):
        pause = retry_after(error.response.headers)
        return from_status(error.status_code, error.body, server, pause)
    if isinstance(error, openai.APITimeoutError):
        text = f"The model's server at {server.host} cannot be reached: it does not respond."
        return RequestFailed(ModelUnavailable(text), retryable=True)
    if isinstance(error, openai.APIConnectionError):
        return RequestFailed(ModelUnavailable(_connection(error, server)), retryable=True)
    return from_error(error.body or error.message, server)


def _connection(error: openai.APIConnectionError, server: Server) -> str:
    # Only the class of the cause tells a refused connection from a closed one.
    if "Connect" in type(error.__cause__).__name__:
        return f"The model's server at {server.host} cannot be reached."
    return f"The model's server at {server.host} closed the connection without an answer."
