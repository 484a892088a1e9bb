"""The admin's own pages in Chromium: under the site's policy, on a desk and on a phone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.support.batch import Command, change
from tests.support.browser import Visit
from tests.support.server import ServerProcess

pytestmark = pytest.mark.browser

SAID = (
    "We decided to use PostgreSQL for the bookings. Create a task to set up the database\n"
    "Delete the tasks Nothing and Nobody\nWhat did we decide?\n"
)


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, seeded_var: tuple[Path, dict[str, Any]]
) -> Iterator[ServerProcess]:
    var = tmp_path_factory.mktemp("admin") / "var"
    shutil.copytree(seeded_var[0], var)
    server = ServerProcess(var, seeded_var[1])
    change(server, "UPDATE auth_user SET is_staff = 1, is_superuser = 1 WHERE username = 'alice'")
    Command(server).run("-", "--session", "one", "--quiet", given=SAID)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_a_team_lead_finds_reads_and_corrects_what_the_agent_did(
    server: ServerProcess, browser: Browser, width: int, height: int
) -> None:
    visit = Visit(browser, server, viewport={"width": width, "height": height})
    page = visit.page
    page.goto(f"{server.url}/admin/agent/chatsession/")
    page.fill("#searchbar", "postgresql for the bookings")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=**")
    page.get_by_role("link", name="Read").click()
    page.get_by_text("Took").first.wait_for()
    assert page.locator("article").count() == 3
    assert fits(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Markdown").click()
    assert "> What did we decide?" in download.value.path().read_text()
    page.goto(f"{server.url}/admin/agent/memory/")
    page.locator("#result_list tbody th a").first.click()
    page.fill("#id_content", f"We use PostgreSQL on {width} servers.")
    page.click("input[name=_continue]")
    page.locator(".object-tools a", has_text="Revisions").click()
    page.locator("ins", has_text=str(width)).first.wait_for()
    assert fits(page)
    page.locator("button", has_text="Undo").first.click()
    page.get_by_text("was undone.").wait_for()
    for address in ("settings/", "agent/memory/import/", "agent/event/"):
        page.goto(f"{server.url}/admin/{address}")
        assert fits(page), address
    assert visit.troubles == []
    assert visit.hosts == {f"127.0.0.1:{server.port}"}
    visit.context.close()
