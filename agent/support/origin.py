"""Where a deed comes from: by which way, from which address, and who is signed in there.

In a context variable: tasks inherit it, and `database.call` and the event log pass it to their threads.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID


class Via(StrEnum):
    PAGE = "page"  # a browser, with its forms, sockets and scripts
    TOKEN = "token"  # a program with an access token
    ADMIN = "admin"
    COMMAND = "command"  # a command, or the server by itself


def _nobody() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Origin:
    """`address`: of the client, or "". `person`: returns the user of the request; only in threads."""

    via: Via
    address: str = ""
    person: Callable[[], Any] = _nobody
    token: UUID | None = None


NO_REQUEST = Origin(Via.COMMAND)
current: ContextVar[Origin] = ContextVar("origin", default=NO_REQUEST)


def checked_address(given: object) -> str:
    """Returns the address of the client as the server's program tells it, or "" for none.

    No header is read here. uvicorn believes the header `X-Forwarded-For` of proxies that it is told to
    trust, by default of those on the same machine, and of nobody else. An address of IPv4 that a socket of
    IPv6 tells, such as ::ffff:10.0.0.1, is one of IPv4.
    """
    try:
        found = ipaddress.ip_address(str(given).partition("%")[0])  # without a zone
    except ValueError:
        return ""
    return str(getattr(found, "ipv4_mapped", None) or found)
