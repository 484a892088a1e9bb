"""Static files: WhiteNoise under ASGI, and the modules that a script imports."""

from __future__ import annotations

import posixpath
import re
from functools import cache
from typing import Any

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware

_OWN_SCRIPT = re.compile(r"/chat/[\w/]+\.(?:js|css)$")
# Comments on lines of their own and indentation are a quarter of the bytes of our scripts and styles. A
# browser needs none of them: no text in them goes over several lines, which a test checks.
_UNNEEDED = re.compile(
    rb"^[ \t]*(?:/\*(?:(?!\*/).)*\*/|//[^\n]*)[ \t]*\n|^[ \t]+|^\n", re.MULTILINE | re.DOTALL
)
_LINE_ENDS = re.compile(rb"(?<=[{};,])\n")  # of a style


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # has no types
    """Sends files as a whole. Under ASGI, Django would read a streamed file completely anyway, and warn."""

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        whole = static_file.get_response(request.method, request.META)
        body = b""
        if whole.file is not None:
            with whole.file:
                body = whole.file.read()
        response = HttpResponse(status=int(whole.status))
        del response["Content-Type"]  # WhiteNoise sets its own
        for name, value in whole.headers:
            response[name] = value
        if body and response.status_code == 200 and _OWN_SCRIPT.search(request.path):
            body = _UNNEEDED.sub(b"", body)
            if request.path.endswith(".css"):
                body = _LINE_ENDS.sub(b"", body)
            response["Content-Length"] = str(len(body))
        response.content = body
        return response


@cache
def modules(entry: str) -> tuple[str, ...]:
    """Returns the scripts that `entry` imports, directly or not.

    A page names them all, so that the browser loads them at once instead of one after the other.
    """
    names: dict[str, None] = {}

    def add(name: str) -> None:
        path = finders.find(name)
        assert isinstance(path, str), f"no static file {name}"
        with open(path) as file:
            imported = re.findall(r'^(?:import|}) .*from "(\.[\w./]+)"', file.read(), re.MULTILINE)
        for relative in imported:
            other = posixpath.normpath(posixpath.join(posixpath.dirname(name), relative))
            if other not in names:
                names[other] = None
                add(other)

    add(entry)
    return tuple(names)
