"""The operations of pages and of the API that write or export, as the addresses of the site name them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.test import Client
from django.urls import URLPattern, URLResolver, reverse

from chat import urls as pages
from chat.api import urls as api

WRITING = ("post", "put", "patch", "delete")
EXPORTS = (
    "export",
    "csv",
    "capsule",
)  # parts of addresses that are only read, and are recorded all the same
_ID = "00000000-0000-0000-0000-000000000000"
_ARGUMENTS = {"name": "x", "username": "nobody", "number": 1, "token": "x"} | {
    "pk": 1,
    "key": "x-y",
    "uidb36": "1",
}


def of_pages(client: Client) -> Iterator[str]:
    """Yields the names of the pages that take forms, and of those that export. `client`: signed in."""
    for pattern in flat(pages.urlpatterns):
        assert pattern.name or str(pattern.pattern) == "favicon.ico"
        is_export = any(part in str(pattern.pattern) for part in EXPORTS)
        if pattern.name and (is_export or client.post(_address(pattern)).status_code != 405):
            yield pattern.name


def flat(patterns: Iterable[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    """Yields the addresses, those that are included too."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from flat(pattern.url_patterns)
        else:
            yield pattern


def _address(pattern: URLPattern) -> str:
    names = pattern.pattern.converters or pattern.pattern.regex.groupindex
    return reverse(str(pattern.name), kwargs={name: _ARGUMENTS.get(name, _ID) for name in names})


def of_api() -> Iterator[str]:
    """Yields each method that writes with its address, such as "DELETE tokens/<uuid:token_id>/"."""
    for pattern in api.urlpatterns:
        view: Any = getattr(pattern.callback, "cls", None)
        for method in WRITING:
            if hasattr(view, method):
                yield f"{method.upper()} {pattern.pattern}"
