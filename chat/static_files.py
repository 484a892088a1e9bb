"""WhiteNoise under ASGI: answers with whole files. Ours are small, and Django reads a file's iterator
to its end before it sends anything there, with a warning for each. And which scripts a script needs."""

from __future__ import annotations

import posixpath
import re
from functools import cache
from typing import Any

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # has no types
    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        found = static_file.get_response(request.method, request.META)
        body = b""
        if found.file is not None:
            with found.file:
                body = found.file.read()
        response = HttpResponse(body, status=int(found.status))
        del response["Content-Type"]  # WhiteNoise names its own
        for name, value in found.headers:
            response[name] = value
        return response


@cache
def modules(entry: str) -> tuple[str, ...]:
    """Returns the scripts that `entry` imports, directly or not, so that a page can name them at once
    instead of letting the browser find them one after the other."""
    found: dict[str, None] = {}

    def add(name: str) -> None:
        path = finders.find(name)
        assert isinstance(path, str), f"there is no {name}"
        with open(path) as file:
            imported = re.findall(r'^(?:import|}) .*from "(\.[\w./]+)"', file.read(), re.MULTILINE)
        for relative in imported:
            other = posixpath.normpath(posixpath.join(posixpath.dirname(name), relative))
            if other not in found:
                found[other] = None
                add(other)

    add(entry)
    return tuple(found)
