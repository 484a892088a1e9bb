"""The server's socket, replaced within the page: a test says which event comes when."""

from __future__ import annotations

import json

from playwright.sync_api import Page, WebSocketRoute

HELLO = json.dumps({"type": "hello", "last_seq": 0, "protocol": 1})
# A socket that says `hello`, and no more.
SILENT = f"""window.WebSocket = class extends EventTarget {{
  static OPEN = 1;
  readyState = 0;
  constructor() {{
    super();
    setTimeout(() => {{
      this.readyState = 1;
      this.dispatchEvent(new Event("open"));
      this.dispatchEvent(new MessageEvent("message", {{ data: {json.dumps(HELLO)} }}));
    }});
  }}
  send() {{}}
  close() {{}}
}}"""


class FakeSocket:
    """Stands in for the server's socket, so that a test says which event comes when."""

    def __init__(self, page: Page) -> None:
        self.route: WebSocketRoute | None = None
        self.addresses: list[str] = []  # of each connection
        page.route_web_socket(lambda url: "/ws/" in url, self._open)

    def _open(self, route: WebSocketRoute) -> None:
        self.route = route
        self.addresses.append(route.url)
        route.on_message(lambda _: None)
        self.send(HELLO)

    def send(self, frame: str) -> None:
        assert self.route is not None
        self.route.send(frame)


def silence(page: Page) -> None:
    """Gives a page that is loaded often a silent socket: Playwright's routes of all loads add up."""
    page.add_init_script(SILENT)


def seen(page: Page) -> int:
    return int(page.evaluate("document.getElementById('log').dataset.seq ?? 0"))
