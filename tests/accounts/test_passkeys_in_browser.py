"""Passkeys in Chromium, with its virtual authenticator: at localhost, since no key is for 127.0.0.1."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, CDPSession, Page

from tests.support.browser import new_context
from tests.support.server import ServerProcess
from tests.support.signing_in import sign_in, sign_out

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser, server: ServerProcess) -> Iterator[Page]:
    """A page of localhost, where nobody is signed in."""
    with new_context(browser) as context:
        page = context.new_page()
        page.goto(f"http://localhost:{server.port}/accounts/sign-in/?next=/accounts/")
        yield page


@pytest.fixture
def authenticator(page: Page) -> CDPSession:
    """A platform authenticator whose person agrees to everything."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session


def test_a_passkey_is_a_second_factor_and_signs_in_without_a_password(
    page: Page, authenticator: CDPSession
) -> None:
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    sign_in(page, "alice")
    page.locator('a[href$="/second-factor/"]').click()
    page.get_by_role("link", name="Add a passkey or security key").click()
    page.get_by_label("Password").fill("alice's secret")
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("main").get_by_label("Name").fill("Laptop")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("heading", name="Recovery codes").wait_for()
    page.get_by_role("link", name="Done").click()
    page.get_by_text("Laptop").wait_for()

    # A password is half of it now.
    sign_out(page)
    sign_in(page, "alice")
    page.get_by_role("heading", name="Second factor").wait_for()
    page.get_by_role("button", name="Use a passkey or security key").click()
    page.locator(".side footer").wait_for()

    # The passkey is all of it.
    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.locator(".side footer").wait_for()
    assert page.locator(".side footer span").inner_text() == "alice"
    assert [text for text in refused if "Content Security Policy" in text] == []
