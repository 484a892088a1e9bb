"""Tells the audit log where a request comes from: see `agent.support.origin`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.http import HttpRequest

from agent.models import ApiToken
from agent.support import origin
from agent.support.origin import Origin, Via
from chat import middleware


@middleware.surrounds
@contextmanager
def origin_middleware(request: HttpRequest) -> Iterator[None]:
    before = origin.current.set(_of(request))
    try:
        yield
    finally:
        origin.current.reset(before)


def _of(request: HttpRequest) -> Origin:
    via = Via.ADMIN if request.path_info.startswith("/admin/") else Via.PAGE
    address = origin.checked_address(request.META.get("REMOTE_ADDR"))
    return Origin(via, address, partial(getattr, request, "user", None))


def of_socket(scope: Mapping[str, Any], token: Any = None) -> Origin:
    """Returns the origin of what is sent over a WebSocket. `token`: the id of the token that opened it."""
    client = scope.get("client")
    address = origin.checked_address(client[0] if client else "")
    return Origin(Via.TOKEN if token else Via.PAGE, address, token=token)


def by_token(token: ApiToken) -> None:
    """Has the entries of this request name the token with which it came."""
    here = origin.current.get()
    origin.current.set(Origin(Via.TOKEN, here.address, lambda: token.user, token.pk))
