"""Takes the pictures of docs/images: a new server, a short conversation with the offline model.

Run by `make screenshots`; needs Chromium (its program in $CHROMIUM, or on the path).
"""

from __future__ import annotations

import os
import re
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
from recording import recorded

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.services import chromium_path  # noqa: E402  (behind the path)

IMAGES = ROOT / "docs" / "images"
PATIENCE = 30.0  # seconds
NOWHERE = "http://127.0.0.1:9/v1"  # no model's server listens there
SMALL = {"width": 1200, "height": 760}
DESKTOP, PHONE = {"width": 1360, "height": 1000}, {"width": 390, "height": 844}

CONVERSATION = (
    "We're building a clinic booking app. We decided to use Django with PostgreSQL, and I prefer "
    "writing the tests first.",
    "I need: 1. patient sign-up with email verification 2. doctors publish free slots 3. patients "
    "book and cancel a slot 4. SMS reminder a day before. The reminder depends on booking.",
    "Mark the sign-up task as in progress, then create a task for testing the login flow, and "
    "finally remember that we test on Firefox too.",
)
DELETION = (
    "Delete the reminder task, mark the booking task as in progress and delete the login flow task"
)

SHORT = (
    "Create a task for patient sign-up, then create a task for SMS reminders, and remember that we "
    "decided to use PostgreSQL.",
    "Delete the sign-up task and the reminders task",
)
READING_TIME = 2000  # milliseconds


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(**more: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields a sign-in link of a server with a database of its own, and the server's environment."""
    port = free_port()
    with tempfile.TemporaryDirectory() as var:
        blank = dict.fromkeys(["OPENAI_API_KEY", "OPENAI_BASE_URL", "DATABASE_URL", "SITE_URL"], "")
        env = {**os.environ, **blank, "SAMURAI_VAR_DIR": var, **more}
        setup = [sys.executable, "manage.py", "setup", "--port", str(port)]
        done = subprocess.run(setup, cwd=ROOT, env=env, check=True, capture_output=True, text=True)
        link = re.search(r"http\S+", done.stdout)
        assert link is not None, done.stdout
        command = [sys.executable, "-m", "uvicorn", "samurai_site.asgi:application"]
        server = subprocess.Popen(
            [*command, "--port", str(port), "--ws", "websockets-sansio", "--log-level", "warning"],
            cwd=ROOT,
            env=env,
        )
        try:
            wait_for_server(port)
            yield link[0], env
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


def sign_in(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()


def play(page: Page) -> None:
    for number, text in enumerate(CONVERSATION, 1):
        say(page, text, "succeeded", number)


def say(page: Page, text: str, status: str, number: int = 1) -> None:
    """Sends a message; returns when `number` runs have the status."""
    page.locator("#message").fill(text)
    page.keyboard.press("Enter")
    wait_for_runs(page, status, number)


def wait_for_runs(page: Page, status: str, number: int) -> None:
    page.wait_for_function(
        "([status, number]) => number <= document.querySelectorAll("
        "`.exchange[data-status=${status}]`).length",
        arg=[status, number],
        timeout=4 * PATIENCE * 1000,
    )


def take(page: Page, name: str) -> None:
    page.wait_for_timeout(700)  # until the animations have ended
    page.screenshot(path=IMAGES / f"{name}.png")


def show_last_run(page: Page) -> None:
    summary = page.locator('[data-slot="run-details"] > summary').last
    summary.evaluate("(one) => one.parentElement.open || one.click()")  # a failed one is open
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


def take_conversation(browser: Browser, link: str, env: dict[str, str]) -> None:
    page = browser.new_context(viewport={"width": 1360, "height": 1000}).new_page()
    sign_in(page, link)
    take(page, "empty")
    play(page)
    for scheme, ending in (("light", ""), ("dark", "-dark")):
        desktop = visit(browser, page, DESKTOP, scheme)
        show_last_run(desktop)
        take(desktop, f"session{ending}")
        take(visit(browser, page, PHONE, scheme), f"phone{ending}")

    say(page, DELETION, "waiting")
    for scheme, ending in (("light", ""), ("dark", "-dark")):
        take(visit(browser, page, DESKTOP, scheme), f"approval{ending}")
    take(visit(browser, page, PHONE, "light"), "approval-phone")
    editing = visit(browser, page, DESKTOP, "light")
    editing.get_by_role("button", name="Edit…").click()
    editing.locator(".editor-step").first.wait_for()
    editing.locator(".approval:visible").evaluate("(one) => one.scrollIntoView()")
    take(editing, "editor")
    take_admin(browser, page)
    take_long(page, env)


def take_admin(browser: Browser, like: Page) -> None:
    """The first page of the admin, after the conversation."""
    page = visit(browser, like, DESKTOP, "light")
    page.goto(f"{page.url.partition('/sessions/')[0]}/admin/")
    take(page, "admin")


def take_run(browser: Browser, link: str) -> None:
    """Takes the moving picture: the replay of a request, and of a deletion that needs approval."""
    page = browser.new_context(viewport=SMALL).new_page()  # type: ignore[arg-type]
    sign_in(page, link)
    say(page, SHORT[0], "succeeded")
    say(page, SHORT[1], "waiting")
    page.wait_for_timeout(READING_TIME / 2)
    page.get_by_role("button", name="Approve", exact=True).click()
    wait_for_runs(page, "succeeded", 2)
    page.goto(f"{page.url.partition('#')[0]}replay/")
    page.locator("#panels[data-known]").wait_for(state="attached")
    with recorded(page, IMAGES / "run.gif"):
        page.wait_for_timeout(READING_TIME / 4)
        page.get_by_role("button", name="Play", exact=True).click()
        page.locator("#player").get_by_text("End of the replay").wait_for()
        page.wait_for_timeout(READING_TIME)


def take_long(like: Page, env: dict[str, str]) -> None:
    """A session of many messages, at the place that a link leads to."""
    like.get_by_role("button", name="New session").click()
    like.locator("#welcome").wait_for()
    session = like.url.rstrip("/").rpartition("/")[2]
    fill = [sys.executable, "-m", "tests.support.long_session", session, "200"]
    subprocess.run(fill, cwd=ROOT, env=env, check=True)
    page = like.context.new_page()
    page.goto(f"{like.url}#event-{21 * 50 + 1}")
    page.locator("[data-linked]").wait_for()
    take(page, "long")


def take_failure(browser: Browser, link: str) -> None:
    page = browser.new_context(viewport={"width": 1360, "height": 1000}).new_page()
    sign_in(page, link)
    say(page, CONVERSATION[0], "failed")
    show_last_run(page)
    take(page, "failed")


def main() -> None:
    program = chromium_path()
    if program is None:
        sys.exit("Chromium is missing: install it, or set CHROMIUM to its path.")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        with served() as (link, _):
            take_run(browser, link)
        with served() as (link, env):
            take_conversation(browser, link, env)
        with served(OPENAI_BASE_URL=NOWHERE, OPENAI_API_KEY="none") as (link, _):
            take_failure(browser, link)
        browser.close()


if __name__ == "__main__":
    main()
