"""The pages that say what went wrong, in Chromium: in the look of the product, on every screen."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Response

from tests.support.browser import Visit
from tests.support.signing_in import live, sign_in, signed_out

pytestmark = pytest.mark.browser

SCREENS = [("light", 1360, 900), ("dark", 1360, 900), ("light", 390, 844), ("dark", 320, 600)]


def unknown_host(visit: Visit) -> Response | None:
    return visit.page.goto(visit.address.replace("127.0.0.1", "samurai.localhost"))


def missing_page(visit: Visit) -> Response | None:
    return visit.page.goto(f"{visit.url}/nowhere/")


def address_for_forms(visit: Visit) -> Response | None:
    return visit.page.goto(f"{visit.url}/projects/")


def strangers_session(visit: Visit) -> Response | None:
    visit.context.add_cookies(
        [{"name": "sessionid", "value": visit.server.cast["bob"]["cookie"], "url": visit.url}]
    )
    return visit.page.goto(visit.address)


def sent(page: Page, fields: str, address: str = "/projects/") -> Response:
    """Sends a form as a page without our scripts would."""
    with page.expect_navigation() as answered:
        page.evaluate(
            """([fields, address]) => {
              const form = document.createElement("form");
              Object.assign(form, {method: "post", action: address});
              for (const [name, value] of new URLSearchParams(fields)) {
                const field = Object.assign(document.createElement("input"), {name, value});
                form.append(field);
              }
              document.body.append(form);
              HTMLFormElement.prototype.submit.call(form);
            }""",
            [fields, address],
        )
    return answered.value


def outdated_form(visit: Visit) -> Response | None:
    visit.live()
    return sent(visit.page, f"csrfmiddlewaretoken={'x' * 64}&name=Shop")


def viewers_form(visit: Visit) -> Response | None:
    carol = visit.server.cast["carol"]["cookie"]
    visit.context.add_cookies([{"name": "sessionid", "value": carol, "url": visit.url}])
    page = visit.live()
    token = page.evaluate("/csrftoken=([^;]*)/.exec(document.cookie)[1]")
    address = f"/projects/{visit.server.project}/sessions/"
    return sent(page, f"csrfmiddlewaretoken={token}", address)


def large_form(visit: Visit) -> Response | None:
    visit.live()
    visit.page.evaluate("window.text = 'x'.repeat(2_700_000)")
    with visit.page.expect_navigation() as answered:
        visit.page.evaluate(
            """() => {
              const form = Object.assign(document.createElement("form"), {method: "post"});
              form.action = "/projects/";
              form.append(Object.assign(document.createElement("input"), {name: "name", value: text}));
              document.body.append(form);
              form.submit();
            }"""
        )
    return answered.value


PAGES: list[tuple[Callable[[Visit], Response | None], int, str]] = [
    (unknown_host, 400, "Unknown address"),
    (outdated_form, 403, "This page is out of date"),
    (viewers_form, 403, "You don't have permission"),
    (missing_page, 404, "Page not found"),
    (strangers_session, 404, "Page not found"),
    (address_for_forms, 405, "There is no page at this address"),
    (large_form, 413, "This is too large"),
]


@pytest.mark.parametrize(("meet", "status", "title"), PAGES)
def test_an_error_has_a_page_that_fits_every_screen(
    visit: Visit, meet: Callable[[Visit], Response | None], status: int, title: str
) -> None:
    response = meet(visit)
    assert response is not None
    assert response.status == status
    page = visit.page
    assert page.locator("h1").inner_text() == title
    assert page.title() == f"{title} · Samurai Agent"
    backgrounds = set()
    for scheme, width, height in SCREENS:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of two texts
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("document.fonts.status === 'loaded'")
        links = page.locator("link[rel=stylesheet]").count()
        assert page.evaluate("document.styleSheets.length") == links >= 2
        backgrounds.add(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
    assert len(backgrounds) == 2
    page.close()
    visit.troubles.clear()  # Chromium tells of the status
    visit.hosts = {urlsplit(visit.url).netloc}  # and not the one of the unknown host


def test_the_link_of_an_error_page_leads_back_to_work(visit: Visit) -> None:
    outdated_form(visit)
    visit.page.get_by_role("link", name="To your projects").click()
    live(visit.page)
    signed_out(visit)
    missing_page(visit)
    visit.page.get_by_role("link", name="To your projects").click()
    sign_in(visit.page, "alice")
    live(visit.page)
    visit.troubles.clear()
