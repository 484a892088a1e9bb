"""Static files: WhiteNoise under ASGI, their addresses, and the modules that a script imports.

All files are in one folder that is named for the digest of their contents, as in
`/static/0123456789ab/chat/session.js`, so that browsers keep them for good, and relative imports lead to
files of the same version.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from functools import cache
from pathlib import Path
from typing import Any

import rcssmin
import rjsmin
from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware

_OWN_SCRIPT = re.compile(r"/chat/[\w/]+\.(?:js|css)$")
_DIGITS = 12
_VERSION = re.compile(rf"([0-9a-f]{{{_DIGITS}}})/")
FOREVER = "public, max-age=31536000, immutable"


class VersionedStorage(StaticFilesStorage):
    """Names the digest in the address of each file, except while somebody edits the files."""

    def url(self, name: str | None) -> str:
        return super().url(name if settings.DEBUG or not name else f"{digest()}/{name}")


@cache
def digest() -> str:
    """Returns 12 hexadecimal digits that stand for all static files and for how this module sends them.

    Of the contents alone, so that all processes of one version have the same.
    """
    files: dict[str, str] = {}
    for finder in finders.get_finders():
        for name, storage in finder.list(None):
            prefix = getattr(storage, "prefix", None) or ""
            files.setdefault(posixpath.join(prefix, name), storage.path(name))
    total = hashlib.sha256(Path(__file__).read_bytes())
    for name, path in sorted(files.items()):
        total.update(name.encode())
        total.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return total.hexdigest()[:_DIGITS]


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # has no types
    """Sends files as a whole. Under ASGI, Django would read a streamed file completely anyway, and warn."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        version, path = self._split(request.path_info)
        found = self.find_file(path) if self.autorefresh else self.files.get(path)
        if found is None:
            response: HttpResponse = self.get_response(request)
            return response
        response = self.serve(found, request)
        if version and response.status_code in (200, 206, 304):
            # A page of another version gets the file as it is now, and asks again the next time.
            response["Cache-Control"] = FOREVER if version == digest() else "no-cache"
        return response

    def _split(self, path: str) -> tuple[str, str]:
        """Returns the digest in the path, if there is one, and the path without it."""
        begin = len(self.static_prefix)
        if not path.startswith(self.static_prefix) or not (match := _VERSION.match(path, begin)):
            return "", path
        return match[1], self.static_prefix + path[match.end() :]

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
            body = _minified(body, request.path)
            response["Content-Length"] = str(len(body))
        response.content = body
        return response


def _minified(body: bytes, path: str) -> bytes:
    """Returns a script or style without comments and white space that a browser does not need."""
    minify = rcssmin.cssmin if path.endswith(".css") else rjsmin.jsmin
    return bytes(minify(body.decode()).encode())


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
