"""The main flow in Firefox, with a real server: say something, decide, change the board, reload."""

from __future__ import annotations

import pytest

from tests.support.browser import NORMALISED, STATUSES
from tests.support.firefox import Firefox
from tests.support.server import ServerProcess

pytestmark = pytest.mark.firefox

LINE = "document.getElementById('connection').dataset.state"
TITLES = (
    """[...document.querySelectorAll('[data-slot="task-title"]')].map((one) => one.innerText)"""
)


def test_the_main_flow_in_firefox(firefox: Firefox, server: ServerProcess) -> None:
    firefox.sign_in(server)
    firefox.go(f"{server.url}/sessions/{server.session}/")
    firefox.wait(LINE, "live")
    firefox.click("#message")
    firefox.type("I need:")
    for line in ("1. booking", "2. invoices"):
        firefox.press("Shift", "Enter")
        firefox.type(line)
    firefox.press("Enter")
    firefox.wait(f"({STATUSES})()", ["succeeded"])
    assert firefox.ask(TITLES) == ["Booking", "Invoices"]
    firefox.type("Delete the booking task and delete the invoices task")
    firefox.press("Enter")
    firefox.wait(f"({STATUSES})()", ["succeeded", "waiting"])
    firefox.click("[data-act=approve]")
    firefox.wait(f"({STATUSES})()", ["succeeded", "succeeded"])
    firefox.click(".gone .undo")
    firefox.wait(f"{TITLES}.length", 1)
    firefox.click(".task [data-open]")
    firefox.wait("document.querySelectorAll('.task .detail').length", 1)
    firefox.press("Escape")
    before = firefox.ask(f"({NORMALISED})()")
    firefox.go(f"{server.url}/sessions/{server.session}/")
    firefox.wait(LINE, "live")
    assert firefox.ask(f"({NORMALISED})()") == before
