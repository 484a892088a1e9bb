"""Takes the pictures of docs/images: a fresh server, a short conversation with the offline model.

Run by `make screenshots`; needs Chromium (its program in $CHROMIUM, or on the path).
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
PATIENCE = 30.0  # seconds
DESKTOP, PHONE = {"width": 1360, "height": 1000}, {"width": 390, "height": 844}

CONVERSATION = (
    "We're building a clinic booking app. We decided to use Django with PostgreSQL, and I prefer "
    "writing the tests first.",
    "I need: 1. patient sign-up with email verification 2. doctors publish free slots 3. patients "
    "book and cancel a slot 4. SMS reminder a day before. The reminder depends on booking.",
    "Mark the sign-up task as in progress, then create a task for testing the login flow, and "
    "finally remember that we test on Firefox too.",
)
SUCCEEDED = "() => document.querySelectorAll('.exchange[data-status=succeeded]').length"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served() -> Iterator[str]:
    """Yields a sign-in link of a server with a database of its own."""
    port = free_port()
    with tempfile.TemporaryDirectory() as var:
        blank = dict.fromkeys(["OPENAI_API_KEY", "OPENAI_BASE_URL", "DATABASE_URL", "SITE_URL"], "")
        env = {**os.environ, **blank, "SAMURAI_VAR_DIR": var}
        setup = [sys.executable, "manage.py", "setup", "--port", str(port)]
        told = subprocess.run(setup, cwd=ROOT, env=env, check=True, capture_output=True, text=True)
        link = re.search(r"http\S+", told.stdout)
        assert link is not None, told.stdout
        command = [sys.executable, "-m", "uvicorn", "samurai_site.asgi:application"]
        server = subprocess.Popen(
            [*command, "--port", str(port), "--ws", "websockets-sansio", "--log-level", "warning"],
            cwd=ROOT,
            env=env,
        )
        try:
            wait_for_server(port)
            yield link[0]
        finally:
            server.terminate()
            server.wait(PATIENCE)


def wait_for_server(port: int) -> None:
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/accounts/sign-in/").close()
            return
        except urllib.error.URLError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)


def play(page: Page) -> None:
    for number, text in enumerate(CONVERSATION, 1):
        page.locator("textarea").first.fill(text)
        page.keyboard.press("Enter")
        give_up = time.monotonic() + PATIENCE
        while page.evaluate(SUCCEEDED) < number:
            assert time.monotonic() < give_up, page.inner_text("#entries")
            page.wait_for_timeout(50)


def take(page: Page, name: str) -> None:
    page.wait_for_timeout(700)  # until what moves has come to rest
    page.screenshot(path=IMAGES / f"{name}.png")


def show_last_run(page: Page) -> None:
    page.locator('[data-slot="run-details"] > summary').last.click()
    page.evaluate("document.activeElement.blur()")
    page.locator(".exchange").last.evaluate("(one) => one.scrollIntoView()")


def visit(browser: Browser, like: Page, size: dict[str, int], scheme: str) -> Page:
    """Opens the page of `like` once more, with another screen."""
    context = browser.new_context(
        storage_state=like.context.storage_state(),
        viewport={"width": size["width"], "height": size["height"]},
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=2 if size is PHONE else 1,
    )
    page = context.new_page()
    page.goto(like.url)
    return page


def take_all(browser: Browser, link: str) -> None:
    page = browser.new_context(viewport={"width": 1360, "height": 1000}).new_page()
    page.goto(link)
    take(page, "empty")
    play(page)
    for scheme, ending in (("light", ""), ("dark", "-dark")):
        desktop = visit(browser, page, DESKTOP, scheme)
        show_last_run(desktop)
        take(desktop, f"session{ending}")
        take(visit(browser, page, PHONE, scheme), f"phone{ending}")


def main() -> None:
    program = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    )
    if program is None:
        sys.exit("Chromium is not there: install it, or set CHROMIUM to its program.")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with served() as link, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        take_all(browser, link)
        browser.close()


if __name__ == "__main__":
    main()
