"""Watches the page of a session in Chromium: when its words change, and what is out of view.

A word is a text in the visible part of the latest run. Clocks and spinners are none.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from playwright.sync_api import Page

SILENCE = 2.0  # seconds without a new word that are a gap
# Seconds after the last frame at which the page has a new sentence, then every `EVERY` seconds.
DUE, EVERY = (2.0, 10.0, 30.0), 30.0
LATE = 0.5  # seconds that a sentence may be late: the page is looked at every tenth of a second

# Before the page's own scripts: the times of the frames about runs.
HEAR = """
window.heard = [];
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
  constructor(...how) {
    super(...how);
    this.addEventListener("message", ({ data }) => {
      if (JSON.parse(data).run) heard.push(Date.now());
    });
  }
};
"""

# In the page, every tenth of a second: new words, what is out of view, and where the answer is.
WATCH = """() => {
  const log = document.getElementById("log");
  const seen = new WeakMap();
  const watched = { words: [], out: { line: 0, stop: 0, step: 0 }, jump: 0, began: 0, ended: 0 };
  window.watched = watched;
  const NO_WORD = /^(Queued|Stop|Remove from queue|\\W*)$/;
  let [before, answerTop] = [Date.now(), null];
  const isInView = (node) => {
    const [box, view] = [node.getBoundingClientRect(), log.getBoundingClientRect()];
    return box.bottom > view.top && box.top < view.bottom;
  };
  const isSeen = (node) => {
    const box = node.getBoundingClientRect();
    const at = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return node.checkVisibility() && (node.contains(at) || at?.contains(node));
  };
  const readWords = (run) => {
    const texts = document.createTreeWalker(run, NodeFilter.SHOW_TEXT);
    let isNews = false;
    while (texts.nextNode()) {
      const [text, element] = [texts.currentNode, texts.currentNode.parentElement];
      if (element.closest("[data-since], [data-until], .said, svg")) continue;
      const shown = element.checkVisibility() ? text.data.trim() : "";
      if (shown !== seen.get(text) && !NO_WORD.test(shown) && isInView(element)) isNews = true;
      seen.set(text, shown);
    }
    return isNews;
  };
  const look = () => {
    const now = Date.now();
    const run = document.querySelector(".exchange:last-child");
    if (run) {
      if (readWords(run)) watched.words.push(now);
      const isOver = "over" in run.dataset;
      const answer = [...run.querySelectorAll(".prose")].find((one) => one.checkVisibility());
      const top = answer?.getBoundingClientRect().top ?? null;
      if (isOver && !watched.ended) {
        watched.ended = now;
        if (answerTop !== null && top !== null) watched.jump = Math.abs(top - answerTop);
      } else if (!isOver) {
        const step = '.plan > [data-status="running"]';
        const parts = { line: ".run [data-slot=run-line]", stop: ".stop", step };
        for (const [name, selector] of Object.entries(parts)) {
          const nodes = [...run.querySelectorAll(selector)].filter((one) => one.checkVisibility());
          if (nodes.length && !nodes.some(isSeen)) watched.out[name] += now - before;
        }
      }
      answerTop = top;
    }
    before = now;
  };
  setInterval(look, 100);
}"""


@dataclass(frozen=True)
class Watched:
    """What was seen of one run. All times in seconds."""

    began: float
    ended: float
    words: list[float]
    heard: list[float]
    out: dict[str, float]
    jump: float  # of the answer when the run was over, in pixels

    @property
    def first_word(self) -> float:
        return self.words[0] - self.began

    @property
    def gaps(self) -> list[tuple[float, float]]:
        return list(pairwise([self.began, *self.words, self.ended]))

    @property
    def longest(self) -> float:
        return max(end - start for start, end in self.gaps)

    @property
    def share_in_gaps(self) -> float:
        """The percentage of the run in gaps of more than `SILENCE`, whoever is waited for."""
        lengths = [end - start for start, end in self.gaps]
        return self._percent(sum(length for length in lengths if length > SILENCE))

    @property
    def longest_while_sent(self) -> float:
        """The longest time from a frame to the next word."""
        return max(end - self._first_frame(start, end) for start, end in self.gaps)

    @property
    def silent_share(self) -> float:
        """The percentage of the run without a word that was due: `SILENCE` after a frame, or at the times
        of `DUE` while nothing was sent.
        """
        return self._percent(sum(self._silence(start, end) for start, end in self.gaps))

    def _percent(self, seconds: float) -> float:
        return 100 * seconds / (self.ended - self.began)

    def _first_frame(self, start: float, end: float) -> float:
        return min((at for at in self.heard if start < at < end), default=end)

    def _silence(self, start: float, end: float) -> float:
        first = self._first_frame(start, end)
        last = max((at for at in self.heard if at <= start), default=self.began)
        due = last + _next_due(start - last) + LATE
        return max(0.0, first - due) + max(0.0, end - first - SILENCE)


def _next_due(passed: float) -> float:
    """Returns when the next sentence is due, `passed` seconds after the last frame."""
    moments = [*DUE, *(EVERY * number for number in range(2, 100))]
    return next(moment for moment in moments if moment > passed + LATE)


def watch(page: Page) -> None:
    """Begins to watch the open page, whose context has `HEAR` as its first script."""
    page.evaluate(WATCH)


def seen(page: Page, began: float) -> Watched:
    """Returns what was seen of the run that was asked for at `began` and is over."""
    found: dict[str, Any] = page.evaluate("() => ({ ...watched, heard })")
    return Watched(
        began=began,
        ended=found["ended"] / 1000,
        words=[at / 1000 for at in found["words"] if at / 1000 > began],
        heard=[at / 1000 for at in found["heard"]],
        out={name: ms / 1000 for name, ms in found["out"].items()},
        jump=found["jump"],
    )
