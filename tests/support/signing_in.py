"""Signing in and out in a browser, as the fixed cast of a real server."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from playwright.sync_api import Error, Page

from tests.support.browser import Visit


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    page.locator("#id_username").wait_for()


def sign_in(page: Page, name: str) -> None:
    """Fills the form of the sign-in page that is shown."""
    page.locator("#id_username").fill(name)
    page.locator("#id_password").fill(f"{name}'s secret")
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_in_there(visit: Visit, page: Page, name: str) -> None:
    """As `sign_in`, for a person with no project of their own, who then opens the session."""
    sign_in(page, name)
    page.locator("#id_username").wait_for(state="detached")
    page.goto(visit.address)
    live(page)


def signed_out(visit: Visit) -> Page:
    """Signs the person out in another tab; returns that tab, which shows the sign-in page."""
    other = visit.open()
    other.goto(visit.address)
    sign_out(other)
    visit.page.locator('#connection[data-state="signed-out"]').wait_for()
    return other


def look_at(page: Page) -> None:
    """The window gets the focus."""
    page.evaluate("window.dispatchEvent(new Event('focus'))")


def look_until(visit: Visit, page: Page, reached: Callable[[], bool]) -> None:
    """Looks at the page, which may load itself anew meanwhile, until something is reached."""

    def looked() -> bool:
        with contextlib.suppress(Error):  # the page is being loaded
            look_at(page)
            return reached()
        return False

    visit.wait(looked)


def user_of(page: Page) -> str:
    return page.locator(".side footer span").inner_text()


def live(page: Page) -> None:
    page.locator('#connection[data-state="live"]').wait_for()


def take_over(page: Page) -> None:
    """Waits until the page has taken over what closed tabs have left."""
    page.evaluate(
        """async () => {
          const { src } = document.querySelector('[src$="/session.js"]');
          const { TabStore } = await import(new URL("composer/tab_store.js", src));
          await new TabStore("none").takeOver();
        }"""
    )


def messages(visit: Visit) -> list[tuple[str, str]]:
    """Returns the author and the text of each message of the session, oldest first."""
    return visit.server.rows(  # type: ignore[return-value]  # two texts
        "SELECT username, content FROM agent_message JOIN auth_user ON auth_user.id = author_id "
        f"WHERE session_id = '{visit.server.session.replace('-', '')}' ORDER BY created_at"
    )
