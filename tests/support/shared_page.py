"""A shared link in Chromium: how a member makes it, and how somebody without an account opens it."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Page, Route

from tests.support.browser import Visit


def make_link(visit: Visit, *boxes: str, run: bool = False) -> str:
    """Makes a link in the dialog, with these boxes checked; returns its address."""
    page = visit.page
    if run:
        page.locator('[data-slot="run-details"] > summary').last.click()
        page.get_by_role("link", name="Share this run…").last.click()
    else:
        page.get_by_role("button", name="Session menu").click()
        page.get_by_role("link", name="Share this session…").click()
    dialog = page.get_by_role("dialog", name="Share read-only")
    for box in boxes:
        dialog.get_by_label(box).check()
    dialog.get_by_role("button", name="Create link").click()
    address = dialog.locator("#new-link").inner_text()
    dialog.get_by_role("button", name="Close").click()
    return address


def opened(nobody: BrowserContext, address: str) -> Page:
    page = nobody.new_page()
    page.goto(address)
    page.locator('#connection[data-state="live"]').wait_for()
    return page


def wait_for_same(visit: Visit, page: Page) -> None:
    """Waits until the page of a guest has all that the member's page shows."""
    last = visit.page.locator("#log").get_attribute("data-seq")
    visit.wait(lambda: page.locator("#log").get_attribute("data-seq") == last)


def without_stream(route: Route) -> None:
    is_stream = route.request.headers.get("accept") == "text/event-stream"
    route.fulfill(status=503) if is_stream else route.continue_()


def delete_session(visit: Visit) -> None:
    """Deletes the session in another tab."""
    page = visit.open()
    page.goto(f"{visit.address}delete/")
    page.get_by_role("button", name="Delete this session").click()
    page.wait_for_url("**/projects/**")
    page.close()
