"""A sign-in provider on this machine, by npm's oidc-provider, and a browser without scripts."""

from __future__ import annotations

import html
import re
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode

from tests.support.services import ROOT, node_path

SCRIPT = Path(__file__).with_suffix(".mjs")


@contextmanager
def oidc_provider(port: int, site: str) -> Iterator[Callable[[str], None]]:
    """Runs a provider that sends people back to `site`; yields what says who comes next."""
    node = node_path()
    assert node is not None
    command = [node, str(SCRIPT), str(port), f"{site}/accounts/provider/callback/"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            while process.stdout.readline().strip() != "ready":
                assert process.poll() is None
            yield lambda name: urllib.request.urlopen(f"http://127.0.0.1:{port}/as/{name}").close()
        finally:
            process.kill()


class Visitor:
    """Follows links and sends forms, with cookies."""

    def __init__(self) -> None:
        self.cookies = CookieJar()
        handler = urllib.request.HTTPCookieProcessor(self.cookies)
        self._opener = urllib.request.build_opener(handler)
        self.url = self.page = ""
        self.status = 0

    def open(self, address: str, fields: dict[str, str] | None = None) -> str:
        data = None if fields is None else urlencode(fields).encode()
        try:
            response = self._opener.open(address, data)
        except HTTPError as error:
            response = error
        with response:
            self.status, self.url = response.status or 0, response.geturl()
            self.page = html.unescape(response.read().decode())
        return self.page

    def send(self, address: str, **fields: str) -> str:
        """Sends a form of the page that is shown."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.page)
        assert token is not None
        return self.open(address, {**fields, "csrfmiddlewaretoken": token[1]})
