"""A person at the replay of a session in Chromium."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.support.browser import Visit

# Transcript and panels as what is read: without what a replay does not offer, and what ticks.
READ = """() => ["entries", "panels"].map((id) => {
  const copy = document.getElementById(id).cloneNode(true);
  for (const old of copy.querySelectorAll("#entries > :not(:nth-last-child(-n + 10))")) old.remove();
  const others = "[hidden], button:not(.open), .find, .feedback, script, .hidden-text";
  const ticking = ".clock, .eta, .wait-line, .lane, .usual";
  for (const node of copy.querySelectorAll(`${others}, ${ticking}`)) node.remove();
  const found = [];
  const texts = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) found.push(texts.currentNode.data.trim());
  return found.filter(Boolean);
})"""


class Replay:
    """`query`: `?run=` with a run, for a replay of that run; `at`: the event at which it is opened."""

    def __init__(self, visit: Visit, *, at: int | None = None, query: str = "") -> None:
        self.visit = visit
        self.page: Page = visit.page
        self.open(at, query)

    @property
    def address(self) -> str:
        return f"{self.visit.address}replay/"

    def open(self, at: int | None = None, query: str = "") -> None:
        anchor = "" if at is None else f"#event-{at}"
        self.page.goto("about:blank")  # another anchor alone would load nothing
        self.page.goto(f"{self.address}{query}{anchor}")
        self.page.locator("#panels[data-known]").wait_for(state="attached")
        if at is not None:
            self.wait_for(at)

    def wait_for(self, seq: int) -> None:
        """Waits until the state after the event `seq` is shown."""
        self.visit.wait(lambda: self.seq == seq)

    @property
    def seq(self) -> int:
        shown = self.page.evaluate(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>"
            " done(document.getElementById('log').dataset.seq ?? 0))))"
        )
        return int(shown)

    def jump(self, seq: int) -> None:
        self.page.evaluate("(seq) => (location.hash = `event-${seq}`)", seq)
        self.wait_for(seq)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def read(self) -> list[list[str]]:
        """Returns the texts that can be read in the transcript and in the panels."""
        texts: list[list[str]] = self.page.evaluate(READ)
        return texts
