"""A person with Chromium at the page of a session, for the tests of the page."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    expect,
    sync_playwright,
)

from tests.support.server import PATIENCE, ServerProcess
from tests.support.services import chromium_path

# Transcript and panels as text, with the bodies of folded runs as they are when somebody opens them, without
# what ticks and without the template's line breaks.
NORMALISED = """async () => {
  const { src } = document.querySelector('[src$="/session.js"], [src$="/replay.js"]');
  const { localiseAll } = await import(new URL("support/local_times.js", src));
  const { foldedBody } = await import(new URL("transcript/lazy_details.js", src));
  const runs = '[data-slot="run-details"]';
  const shown = (id) => {
    const box = document.getElementById(id);
    const copy = box.cloneNode(true);
    const copies = copy.querySelectorAll(runs);
    box.querySelectorAll(runs).forEach((details, at) => {
      copies[at].querySelector(":scope > template")?.remove();
      copies[at].append(foldedBody(details)?.cloneNode(true) ?? "");
    });
    localiseAll(copy);
    // A page that is opened now shows the newest ten at first (chat.transcript_pages.NEWEST).
    for (const old of copy.querySelectorAll("#entries > :not(:nth-last-child(-n + 10))")) old.remove();
    for (const node of copy.querySelectorAll("[data-since], [data-until]")) node.textContent = "";
    for (const node of copy.querySelectorAll("[data-slow]")) node.removeAttribute("data-slow");
    for (const node of copy.querySelectorAll("[data-made]")) node.removeAttribute("data-made");
    for (const node of copy.querySelectorAll(".wait-line")) node.textContent = "";
    for (const node of copy.querySelectorAll(".lane, .usual")) node.remove();
    for (const node of copy.querySelectorAll("script")) node.remove();
    const texts = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
    const blank = [];
    while (texts.nextNode()) if (!texts.currentNode.data.trim()) blank.push(texts.currentNode);
    for (const node of blank) node.remove();
    for (const node of copy.querySelectorAll("*")) {
      const attributes = [...node.attributes].map(({ name, value }) => [name, value]).sort();
      for (const [name] of attributes) node.removeAttribute(name);
      for (const [name, value] of attributes) node.setAttribute(name, value);
    }
    return copy.outerHTML.replaceAll("><", ">\\n<");
  };
  return ["entries", "panels"].map(shown).join("\\n\\n");
}"""

# Scrolls on in the transcript, unless a part is on its way; returns the messages that are there, and whether
# the end is reached.
READ_ON = """(direction) => {
  const [log, entries] = ["log", "entries"].map((id) => document.getElementById(id));
  const texts = [...entries.querySelectorAll(".said p")].map((node) => node.textContent);
  if (direction === "up") {
    log.scrollTop = 0;
    return [texts, !entries.firstElementChild.matches(".gap")];
  }
  const view = log.getBoundingClientRect();
  const tops = [...entries.querySelectorAll(":scope > .gap")].map((gap) => gap.getBoundingClientRect().top);
  if (tops.some((top) => top > view.top && top < view.bottom + 600)) return [texts, false];
  log.scrollTop += view.height / 2;
  return [texts, log.scrollTop + log.clientHeight >= log.scrollHeight - 1];
}"""

STATUSES = "() => [...document.querySelectorAll('.exchange')].map((one) => one.dataset.status)"

PAGE = "JSON.parse(document.getElementById('page').textContent)"
SESSION = f"{PAGE}.session"
# The number of the last event that the page shows.
SEQ = f"Math.max(document.getElementById('log').dataset.seq ?? 0, {PAGE}.last_seq)"
LAST = "SELECT last_seq FROM agent_chatsession WHERE id = '{session}'"
# The runs that are over, and still remember.
REMEMBERING = """SELECT run_id FROM agent_event WHERE session_id = '{session}' AND type = 'complete'
  AND body LIKE '%"remembers":true%' AND NOT EXISTS (
    SELECT 1 FROM agent_phaseresult WHERE run_id = agent_event.run_id AND phase = 'memory')"""


expect.set_options(timeout=PATIENCE * 1000)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def new_context(browser: Browser, **how: Any) -> BrowserContext:
    """By default without motion, which takes a fifth of the work and is a matter of styles alone."""
    how = {"timezone_id": "Asia/Tokyo", "reduced_motion": "reduce", **how}
    context: BrowserContext = browser.new_context(**how)
    context.set_default_timeout(PATIENCE * 1000)
    return context


PHONE = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 3,
}


# What these do to a page lasts until it is closed.
ALTERING = (
    "add_init_script",
    "emulate_media",
    "on",
    "route",
    "route_web_socket",
    "set_viewport_size",
)


class KeptContext:
    """The context and the page of one visit after the other.

    Its cache has the scripts, and its process is warm: a new page takes twice as much work until it is live.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.context = new_context(browser)
        # These cannot be undone: a test that needs them is marked `own_context`.
        self.context.add_init_script = self.context.route_web_socket = None  # type: ignore[assignment,method-assign]
        self._page: Page | None = None
        self._is_altered = False

    def visit(self, server: ServerProcess) -> Visit:
        """Begins a visit, without what the one before it left."""
        self.context.clear_cookies()
        self.context.clear_permissions()
        self.context.unroute_all()
        self.context.set_offline(False)
        page = self._page = self._kept_page() or self._new_page()
        self.context.new_cdp_session(page).send(
            "Storage.clearDataForOrigin",
            {"origin": server.url, "storageTypes": "local_storage,session_storage,indexeddb"},
        )
        return Visit(self._browser, server, context=self.context, page=page)

    def _kept_page(self) -> Page | None:
        page = self._page
        if page is None or page.is_closed():
            return None
        if not self._is_altered:
            return page
        page.close()
        return None

    def _new_page(self) -> Page:
        page = self.context.new_page()
        for name in ALTERING:
            setattr(page, name, partial(self._alter, getattr(page, name)))
        self._is_altered = False
        return page

    def _alter(self, method: Callable[..., Any], *how: Any, **more: Any) -> Any:
        self._is_altered = True
        return method(*how, **more)

    def end(self, visit: Visit) -> None:
        """Leaves the page, whose process stays where the next address is of the same server."""
        visit.end()
        for page in self.context.pages:
            if page != self._page:
                page.close()
        kept = self._page
        if kept is None or kept.is_closed():
            return
        try:
            kept.goto(f"{visit.url}/static/chat/base.css")
            kept.evaluate("sessionStorage.clear()")
        except Error:  # a server that the test has stopped
            kept.close()


class Visit:
    """A person at the page of a session; remembers what went wrong in the browser.

    `url`: where the person reaches the server, when that is not its own address.
    """

    def __init__(
        self,
        browser: Browser,
        server: ServerProcess,
        name: str = "alice",
        *,
        url: str = "",
        context: BrowserContext | None = None,
        page: Page | None = None,
        **how: Any,
    ):
        self.server = server
        self.url = url or server.url
        self.has_touch = how.get("has_touch", False)
        self.troubles: list[str] = []
        self.hosts: set[str] = set()
        self.context = context or new_context(browser, **how)
        # Named for the path below which the site is.
        cookie_name = "_".join(["sessionid", *filter(None, urlsplit(self.url).path.split("/"))])
        cookie = {"name": cookie_name, "value": server.cast[name]["cookie"], "url": self.url}
        self.context.add_cookies([cookie])  # type: ignore[list-item]  # a TypedDict in the stubs
        self._listeners = {
            "console": self._told,
            "weberror": lambda one: self.troubles.append(str(one.error)),
            "request": lambda request: self.hosts.add(urlsplit(request.url).netloc),
        }
        for event, listener in self._listeners.items():
            self.context.on(event, listener)  # type: ignore[call-overload]  # one of three texts
        self.page: Page = page or self.open()

    def end(self) -> None:
        for event, listener in self._listeners.items():
            self.context.remove_listener(event, listener)

    def open(self) -> Page:
        return self.context.new_page()

    def _told(self, one: ConsoleMessage) -> None:
        # A connection that could not be made, or broke off, is told by Chromium itself.
        lines = (
            "WebSocket connection to",
            "Failed to load resource: net::ERR_",
            "EventSource's response has a MIME type",
            'responded with a MIME type of ""',  # the head of a script was cut off
        )
        if one.type in ("error", "warning") and not any(line in one.text for line in lines):
            self.troubles.append(one.text)

    @property
    def address(self) -> str:
        return f"{self.url}/sessions/{self.server.session}/"

    def go(self) -> Page:
        self.page.goto(self.address)
        return self.page

    def live(self) -> Page:
        page = self.go()
        page.locator('#connection[data-state="live"]').wait_for()
        return page

    def say(self, text: str) -> None:
        self.page.locator("textarea").first.fill(text)
        if self.has_touch:  # where Enter makes a new line
            self.page.locator("#send").tap()
        else:
            self.page.keyboard.press("Enter")

    def wait(self, reached: Callable[[], bool]) -> None:
        give_up = time.monotonic() + PATIENCE
        while not reached():
            assert time.monotonic() < give_up, self.page.inner_text("body")
            self.page.wait_for_timeout(25)

    def read_from_the_beginning(self) -> None:
        """Scrolls up until the first part has come."""
        self.read("up")

    def read(self, direction: str) -> set[str]:
        """Scrolls up or down to the end, part by part; returns the messages that it passed."""
        seen: set[str] = set()

        def is_over() -> bool:
            texts, over = self.page.evaluate(READ_ON, direction)
            seen.update(texts)
            return bool(over)

        self.wait(is_over)
        return seen

    def wait_for(self, *statuses: str) -> None:
        """Waits until the page shows runs with these statuses, and all that is in the log by then."""
        self.wait(lambda: self.page.evaluate(STATUSES) == list(statuses))
        self.wait_for_log()

    def wait_for_log(self) -> None:
        """Waits until the page shows all that is in the log of its session by now, with the end of a memory
        phase that follows a run.
        """
        session = self.page.evaluate(SESSION).replace("-", "")
        self.wait(lambda: self.server.rows(REMEMBERING.format(session=session)) == [])
        (last,) = self.server.rows(LAST.format(session=session))[0]
        self.wait(lambda: self.page.evaluate(SEQ) >= last)

    def shown(self, page: Page | None = None) -> str:
        text: str = (page or self.page).evaluate(NORMALISED)
        return text

    def reloaded(self) -> str:
        """What somebody sees who opens the page now."""
        page = self.open()
        page.goto(self.address)
        page.locator('#connection[data-state="live"]').wait_for()
        text = self.shown(page)
        page.close()
        return text


@pytest.fixture(scope="module")
def kept_context(browser: Browser) -> KeptContext:
    return KeptContext(browser)


@pytest.fixture
def visit(
    request: pytest.FixtureRequest, browser: Browser, server: ServerProcess
) -> Iterator[Visit]:
    if request.node.get_closest_marker("own_context"):
        visit = Visit(browser, server)
        yield visit
        visit.context.close()
    else:
        kept: KeptContext = request.getfixturevalue("kept_context")
        visit = kept.visit(server)
        yield visit
        kept.end(visit)
    assert visit.troubles == []
    assert visit.hosts == {urlsplit(server.url).netloc}
