"""The admin's first page, lists and forms in Chromium: they fit, light and dark, under the policy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from tests.support.accessibility import check
from tests.support.admin_site import MODELS, page
from tests.support.batch import change
from tests.support.browser import Visit
from tests.support.server import ROOT, ServerProcess

pytestmark = pytest.mark.browser

LISTS = [page(model, "changelist") for model in MODELS]
DESK, PHONE = (1400, 900), (390, 844)


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, seeded_var: tuple[Path, dict[str, Any]]
) -> Iterator[ServerProcess]:
    var = tmp_path_factory.mktemp("admin") / "var"
    shutil.copytree(seeded_var[0], var)
    server = ServerProcess(var, seeded_var[1])
    change(server, "UPDATE auth_user SET is_staff = 1, is_superuser = 1 WHERE username = 'alice'")
    fill = [sys.executable, "-m", "tests.support.admin_rows"]
    subprocess.run(fill, cwd=ROOT, env=server.env, check=True)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def boss(server: ServerProcess, browser: Browser) -> Iterator[Visit]:
    visit = Visit(browser, server)
    yield visit
    assert visit.troubles == []
    assert visit.hosts == {f"127.0.0.1:{server.port}"}
    visit.context.close()


def too_wide(page: Page) -> list[str]:
    """Returns what is wider than the screen, or than the part of the page that it is in."""
    return page.evaluate(
        """() => [document.documentElement, ...document.querySelectorAll("main, main *")]
        .filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth)
        .filter((one) => one === document.documentElement
            || getComputedStyle(one).overflowX === "auto"
            || one.matches("main, #content, .results, #changelist, table"))
        .map((one) => one.outerHTML.slice(0, 80))"""
    )


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_no_list_scrolls_sideways(boss: Visit, size: tuple[int, int]) -> None:
    boss.page.set_viewport_size({"width": size[0], "height": size[1]})
    for address in (reverse("admin:index"), *LISTS):
        boss.page.goto(boss.url + address)
        assert too_wide(boss.page) == [], address


def test_on_a_phone_each_row_is_a_card_that_names_its_values(boss: Visit) -> None:
    page = boss.page
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.goto(f"{boss.url}/admin/agent/run/")
    cell = page.locator("#result_list .field-status")
    label = "(one) => getComputedStyle(one, '::before').content"
    assert cell.evaluate(label) == '"Status"'
    left = cell.evaluate("(one) => one.getBoundingClientRect().left")
    below = page.locator("#result_list .field-created_at")
    assert below.evaluate("(one) => one.getBoundingClientRect().left") == left
    expect(page.locator("#result_list thead")).to_be_hidden()
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    assert cell.evaluate(label) == "none"
    expect(page.locator("#result_list thead")).to_be_visible()


def test_the_menu_is_at_the_side_and_on_a_phone_behind_a_button(boss: Visit) -> None:
    page = boss.page
    menu = page.get_by_role("navigation", name="Menu")
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    page.goto(f"{boss.url}/admin/")
    expect(menu).to_be_visible()
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    page.get_by_text("Stored details").click()
    menu.get_by_role("link", name="Plan steps").click()
    page.wait_for_url("**/planstep/")
    expect(menu).to_be_hidden()


def test_a_filter_opens_over_the_list_and_says_what_it_filters(boss: Visit) -> None:
    page = boss.page
    page.goto(f"{boss.url}/admin/agent/run/")
    page.locator(".filter summary", has_text="Status").click()
    page.get_by_role("link", name="Failed", exact=True).click()
    page.wait_for_url("**status=failed**")
    expect(page.locator(".filter summary", has_text="Status")).to_contain_text(": Failed")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
    page.get_by_role("link", name="Clear filters").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_the_appearance_is_the_one_that_was_chosen_for_the_product(boss: Visit) -> None:
    page, light, dark = boss.page, "rgb(250, 248, 243)", "rgb(21, 20, 16)"
    page.emulate_media(color_scheme="dark")
    page.goto(f"{boss.url}/admin/agent/run/")
    assert background(page) == dark
    page.get_by_role("button", name="Light", exact=True).click()
    expect(page.get_by_role("button", name="Light", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    assert page.url.endswith("/admin/agent/run/")
    assert background(page) == light
    page.goto(boss.address)
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.emulate_media(color_scheme="light")
    page.goto(f"{boss.url}/admin/")
    page.get_by_role("button", name="Dark", exact=True).click()
    expect(page.get_by_role("button", name="Dark", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    assert page.url.endswith("/admin/")
    assert background(page) == dark


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_the_page_of_a_row_fits(boss: Visit, size: tuple[int, int]) -> None:
    boss.page.set_viewport_size({"width": size[0], "height": size[1]})
    for address in LISTS:
        boss.page.goto(boss.url + address)
        boss.page.locator("#result_list tbody th a").first.click()
        boss.page.locator(".change-form").wait_for()
        fits = boss.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert fits, address


@pytest.mark.axe
def test_the_first_page_a_list_and_forms_break_no_rule(boss: Visit) -> None:
    page = boss.page
    page.goto(f"{boss.url}/admin/")
    check(page, "first page")
    page.goto(f"{boss.url}/admin/agent/run/")
    check(page, "list")
    page.locator(".filter summary").first.click()
    check(page, "list with an open filter")
    page.locator(".filter summary").first.click()
    page.locator("#result_list tbody th a").first.click()
    check(page, "page of a run")
    page.goto(f"{boss.url}/admin/agent/memory/")
    page.locator("#result_list tbody th a").first.click()
    check(page, "form of a memory")
    boss.troubles.clear()  # axe has styled elements, which the policy forbids
