"""A person with Firefox at the page of a session: Debian's program, driven over WebDriver BiDi.

A small client of that protocol, and no more of it than the tests use.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.support.server import PATIENCE, ServerProcess, free_port
from tests.support.services import firefox_path

# No start-up page, and no calls to its makers.
PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.auto": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}
KEYS = {"Enter": "\ue007", "Shift": "\ue008", "Tab": "\ue004", "Escape": "\ue00c"}


class Firefox:
    """One program with one tab. `troubles`: errors that it logged."""

    def __init__(self, profile: Path) -> None:
        lines = [
            f'user_pref("{name}", {json.dumps(value)});' for name, value in PREFERENCES.items()
        ]
        (profile / "user.js").write_text("\n".join(lines))
        self.troubles: list[str] = []
        self._numbers = itertools.count(1)
        self._port = free_port()
        program = firefox_path()
        assert program is not None
        options = ["--headless", "--no-remote", "--profile", str(profile)]
        self._process = subprocess.Popen(
            [program, *options, f"--remote-debugging-port={self._port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._open = contextlib.ExitStack()
        self._open.callback(self._end)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opening:
            opening.push(self._open)
            self._socket = self._connect(f"ws://127.0.0.1:{self._port}/session")
            self._start()
            opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)

    def _start(self) -> None:
        self._command("session.new", capabilities={})
        self._command("session.subscribe", events=["log.entryAdded"])
        tree = self._command("browsingContext.getTree")
        self._tab = tree["contexts"][0]["context"]

    def _connect(self, address: str) -> ClientConnection:
        give_up = time.monotonic() + PATIENCE
        while True:
            try:
                return self._open.enter_context(connect(address, max_size=None))
            except OSError:
                assert time.monotonic() < give_up, "Firefox did not start"
                assert self._process.poll() is None, "Firefox ended"
                time.sleep(0.1)

    def _command(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            told = json.loads(self._socket.recv(timeout=PATIENCE))
            if told.get("method") == "log.entryAdded" and told["params"]["level"] == "error":
                self.troubles.append(told["params"]["text"])
            if told.get("id") == number:
                assert told["type"] == "success", told
                result: dict[str, Any] = told["result"]
                return result

    # -- what a person does ------------------------------------------------------------------------

    def sign_in(self, server: ServerProcess, name: str = "alice") -> None:
        value = {"type": "string", "value": server.cast[name]["cookie"]}
        cookie = {"name": "sessionid", "value": value, "domain": "127.0.0.1", "path": "/"}
        self._command("storage.setCookie", cookie=cookie)

    def go(self, address: str) -> None:
        self._command("browsingContext.navigate", context=self._tab, url=address, wait="complete")

    def ask(self, expression: str) -> Any:
        """Returns the value of a JavaScript expression, or that of its promise."""
        told = self._command(
            "script.evaluate",
            expression=f"Promise.resolve({expression}).then((value) => JSON.stringify(value))",
            target={"context": self._tab},
            awaitPromise=True,
        )
        assert told["type"] == "success", told
        return json.loads(told["result"].get("value", "null"))

    def wait(self, expression: str, wanted: Any) -> None:
        give_up = time.monotonic() + PATIENCE
        while (found := self.ask(expression)) != wanted:
            assert time.monotonic() < give_up, f"{found!r}, not {wanted!r}"
            time.sleep(0.05)

    def type(self, text: str) -> None:
        self._press(*text)

    def press(self, *names: str) -> None:
        """Presses the keys together."""
        keys = [KEYS.get(name, name) for name in names]
        downs = [{"type": "keyDown", "value": key} for key in keys]
        ups = [{"type": "keyUp", "value": key} for key in reversed(keys)]
        self._act(downs + ups)

    def _press(self, *signs: str) -> None:
        self._act(
            [{"type": kind, "value": sign} for sign in signs for kind in ("keyDown", "keyUp")]
        )

    def _act(self, keys: list[dict[str, str]]) -> None:
        actions = [{"type": "key", "id": "keyboard", "actions": keys}]
        self._command("input.performActions", context=self._tab, actions=actions)

    def click(self, selector: str) -> None:
        """Clicks with the mouse in the middle of the first such element that can be seen."""
        place = self.ask(
            f"""(() => {{
              const one = [...document.querySelectorAll({json.dumps(selector)})]
                .find((each) => each.checkVisibility());
              one.scrollIntoView({{ block: "center" }});
              const {{ x, y, width, height }} = one.getBoundingClientRect();
              return [Math.round(x + width / 2), Math.round(y + height / 2)];
            }})()"""
        )
        mouse = [
            {"type": "pointerMove", "x": place[0], "y": place[1]},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        actions = [{"type": "pointer", "id": "mouse", "actions": mouse}]
        self._command("input.performActions", context=self._tab, actions=actions)


@pytest.fixture
def firefox(tmp_path: Path) -> Iterator[Firefox]:
    profile = tmp_path / "profile"
    profile.mkdir()
    with Firefox(profile) as program:
        yield program
    assert program.troubles == []
