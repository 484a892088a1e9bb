"""`make bench ARGS=silence`: for how long the page shows nothing new while a model writes.

A model server writes 40 tokens a second, as a large model does; the page in Chromium notes when a text
that is in view changes. Clocks do not count. Measured from the first byte of the model to the end of the
run.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from benchmarks import long_wait
from benchmarks.page import visit
from benchmarks.processes import seeded, server
from benchmarks.results import Bar, Row, add
from tests.support.model_server import (
    USED,
    Answer,
    ModelServer,
    Request,
    by_schema,
    chunk,
    events,
    tokens,
)
from tests.support.services import chromium_path

PART = "Silence of the page while a model writes 40 tokens a second"
PACE = 1 / 40  # seconds for a token
ROUNDS = 3
MOST = 2.0  # seconds

# In the page: the times when a text in view changed, other than a clock.
WATCH = """() => {
  window.news = [];
  const log = document.getElementById("log");
  const inView = (node) => {
    const element = node instanceof Element ? node : node.parentElement;
    if (!element?.isConnected || element.closest("[data-since], [data-until]")) return false;
    const [box, view] = [element.getBoundingClientRect(), log.getBoundingClientRect()];
    return element.checkVisibility() && box.bottom > view.top && box.top < view.bottom;
  };
  new MutationObserver((changes) => {
    const nodes = changes.flatMap(({ target, addedNodes }) => [target, ...addedNodes]);
    if (nodes.some(inView)) news.push(Date.now());
  }).observe(log, { childList: true, characterData: true, subtree: true });
}"""

OVER = "() => document.querySelector('.exchange:last-of-type')?.dataset.status === 'succeeded'"

TITLES = ("Sign-up with email", "Free slots of doctors", "Booking of a slot", "Cancelling a slot")
THOUGHT = "The person wants a booking system. Booking depends on slots, so slots come first. " * 10


def _step(number: int, title: str) -> dict[str, Any]:
    goal = f"Goal: {title} works for patients and doctors, also on a phone. " * 6
    return {
        "id": f"s{number}",
        "type": "tool",
        "tool": "create_task",
        "description": f"Create the task “{title}”",
        "arguments": {"title": title, "description": goal, "priority": "high"},
        "depends_on": [],
    }


STEPS = [_step(number, title) for number, title in enumerate(TITLES, 1)]
SUMMARY = "Four tasks, in the order in which they are needed"
NOTES = [
    {
        "memory_id": None,
        "title": f"Decision {number}",
        "content": "Patients book slots that doctors have published before. " * 4,
        "kind": "decision",
        "category": "",
    }
    for number in range(1, 4)
]


@dataclass
class Writer:
    """A model that writes at a pace. `thinks`: its server sends reasoning before a plan and an answer."""

    thinks: bool
    began: float = 0.0  # when it wrote its first byte
    handle: Any = field(init=False)

    def __post_init__(self) -> None:
        analysis = {"intent": "command", "summary": "Wants four tasks for a booking system"}
        self.handle = by_schema(
            analysis=self._json({**analysis, "needs_tools": True, "question": ""}),
            plan=self._json({"summary": SUMMARY, "steps": STEPS}, THOUGHT),
            memory=self._json({"notes": NOTES}),
            answer=self._text(
                "The four tasks are on the board, ready to be assigned. " * 6, THOUGHT
            ),
        )

    def __call__(self, request: Request) -> Answer:
        self.began = self.began or time.time()
        answer: Answer = self.handle(request)
        return answer

    def _json(self, value: Any, thought: str = "") -> Any:
        return self._text(json.dumps(value), thought)

    def _text(self, text: str, thought: str = "") -> Any:
        def answer(_: Request) -> Answer:
            written: list[Any] = []
            for token in tokens(thought) if self.thinks else ():
                written += [chunk(None, reasoning_content=token), PACE]
            for token in tokens(text):
                written += [chunk(token), PACE]
            return events([*written, chunk(finish_reason="stop"), USED])

        return answer


def main() -> None:
    if chromium_path() is None:
        print("\nWithout the page: install Chromium, or set CHROMIUM to its program")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu"]
        )
        for thinks in (True, False):
            name = "with reasoning" if thinks else "without reasoning"
            rounds = [_round(browser, Writer(thinks)) for _ in range(ROUNDS)]
            note = f"runs of {max(length for _, length in rounds):.0f} s"
            silences = [silence for silence, _ in rounds]
            add(Row(PART, f"longest silence, {name}", "s", silences, Bar(MOST), note=note))
        long_wait.measure(browser)
        browser.close()


def _round(browser: Browser, writer: Writer) -> tuple[float, float]:
    """Returns the longest silence and the length of the run from the model's first byte, in seconds."""
    with tempfile.TemporaryDirectory() as folder, ModelServer(writer) as model:
        var = Path(folder)
        seed = seeded(var)
        model_of = {"OPENAI_API_KEY": "key", "OPENAI_BASE_URL": model.base_url}
        with server(var, "samurai_site.asgi", **model_of) as served:
            return _watch(browser, f"http://127.0.0.1:{served.port}", seed, writer)


def _watch(browser: Browser, url: str, seed: dict[str, Any], writer: Writer) -> tuple[float, float]:
    page = visit(browser, url, seed)
    page.goto(f"{url}/sessions/{seed['sessions'][0]}/")
    page.locator('#connection[data-state="live"]').wait_for()
    page.evaluate(WATCH)
    page.locator("#message").fill("Plan a booking system")
    page.keyboard.press("Enter")
    page.wait_for_function(OVER, timeout=180_000)
    news = [moment / 1000 for moment in page.evaluate("news")]
    page.context.close()
    times = [writer.began, *(moment for moment in news if moment > writer.began)]
    gaps = [late - early for early, late in pairwise(times)]
    return max(gaps), times[-1] - times[0]
