"""The site as a person or a program reaches it: requests to its public address, without redirects."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import SplitResult, urlsplit

TIMEOUT = 5.0  # seconds for which each answer, and each piece of one, is waited for
MAX_BYTES = 1_000_000  # of a body


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: str


@dataclass(frozen=True)
class Site:
    """`address`: with scheme, host and path, as people type it."""

    address: str

    @cached_property
    def parts(self) -> SplitResult:
        return urlsplit(self.address)

    @property
    def host(self) -> str:
        return self.parts.hostname or ""

    @property
    def is_https(self) -> bool:
        return self.parts.scheme == "https"

    @property
    def origin(self) -> str:
        return f"{self.parts.scheme}://{self.parts.netloc}"

    @property
    def path(self) -> str:
        """The path below which the site is served, "" at the root."""
        return self.parts.path.rstrip("/")

    @property
    def socket(self) -> str:
        """The address of WebSockets, without a path."""
        return f"{'wss' if self.is_https else 'ws'}://{self.parts.netloc}{self.path}"

    def get(self, path: str, headers: Mapping[str, str] = {}) -> Reply:
        return self.ask("GET", path, headers)

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: str | None = None
    ) -> Reply:
        """Raises OSError and http.client.HTTPException."""
        with self.opened(method, path, headers, body) as response:
            text = response.read(MAX_BYTES).decode(errors="replace")
            return Reply(response.status, response.headers, text)

    @contextmanager
    def opened(
        self, method: str, path: str, headers: Mapping[str, str] = {}, body: str | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """Gives a response whose body is still to be read. Raises as `ask`."""
        with closing(self._connection()) as connection:
            connection.request(method, self.path + path, body, dict(headers))
            yield connection.getresponse()

    def _connection(self) -> http.client.HTTPConnection:
        if not self.is_https:
            return http.client.HTTPConnection(self.host, self.parts.port, timeout=TIMEOUT)
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(
            self.host, self.parts.port, timeout=TIMEOUT, context=context
        )
