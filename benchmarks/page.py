"""`make bench ARGS=page`: measures the session page in Chromium on this machine.

A session of 2,000 messages and 21,000 events is opened and scrolled to its beginning. Then a run
reports events, and the time from an event's timestamp to the paint of its row is measured.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.processes import server
from benchmarks.results import Row, add
from tests.support.server import ROOT, environment
from tests.support.services import chromium_path

PART = "The session's page in Chromium"
EXCHANGES = 1000
OPENINGS = 7

# In the page: records long tasks (over 50 ms) and the time when each event was painted.
WATCH = """() => {
  window.longTasks = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) longTasks.push(entry.duration);
  }).observe({ type: "longtask" });
  window.painted = [];
  const log = document.getElementById("log");
  const after = new MessageChannel();
  after.port1.onmessage = ({ data }) => painted.push([data, Date.now()]);
  new MutationObserver(() => {
    const seq = Number(log.dataset.seq);
    requestAnimationFrame(() => after.port2.postMessage(seq));
  }).observe(log, { attributeFilter: ["data-seq"] });
}"""


# In the page: has the event with this number been applied?
SHOWN = "(seq) => Number(document.getElementById('log').dataset.seq) >= seq"

# In the page: scrolls up until everything is loaded; returns the time and the number of parts.
READ = """async () => {
  const [log, entries] = ["log", "entries"].map((id) => document.getElementById(id));
  const began = performance.now();
  let parts = 0;
  while (entries.querySelector(":scope > .gap")) {
    const seen = entries.childElementCount;
    log.scrollTop = 0;
    while (entries.childElementCount === seen) await new Promise((go) => setTimeout(go, 10));
    parts += 1;
  }
  return [performance.now() - began, parts];
}"""


def main() -> None:
    if chromium_path() is None:
        print("\nWithout the page: install Chromium, or set CHROMIUM to its program")
        return
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        var = Path(folder)
        seed = prepare(var)
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu"]
        )
        opening(browser, var, seed)
        events(browser, var, seed, name="20 a second", PACE_EVENTS="100", PACE_PAUSE="0.05")
        events(browser, var, seed, name="50 in a second", PACE_EVENTS="50", PACE_PAUSE="0.02")
        events(browser, var, seed, name="1,000 at once", PACE_EVENTS="1000", PACE_PAUSE="0")
        browser.close()


def prepare(var: Path) -> dict[str, Any]:
    env = environment(var)
    process = subprocess.run(
        [sys.executable, "-m", "tests.support.seed"],
        cwd=ROOT,
        env=env,
        check=True,
        capture_output=True,
        text=True,
    )
    seed: dict[str, Any] = json.loads(process.stdout)
    fill = [sys.executable, "-m", "tests.support.long_session", seed["sessions"][0], str(EXCHANGES)]
    subprocess.run(fill, cwd=ROOT, env=env, check=True)
    return seed


def visit(browser: Browser, url: str, seed: dict[str, Any]) -> Page:
    context = browser.new_context(viewport={"width": 1360, "height": 1000})
    cookie = {"name": "sessionid", "value": seed["cast"]["alice"]["cookie"], "url": url}
    context.add_cookies([cookie])  # type: ignore[list-item]  # a TypedDict in the stubs
    return context.new_page()


# -- opening ---------------------------------------------------------------------------------------


def opening(browser: Browser, var: Path, seed: dict[str, Any]) -> None:
    with server(var, "samurai_site.asgi") as served:
        url = f"http://127.0.0.1:{served.port}"
        address = f"{url}/sessions/{seed['sessions'][0]}/"
        answers = [_fetch(address, seed) for _ in range(OPENINGS)][1:]
        name = f"{2 * EXCHANGES:,} messages, {21 * EXCHANGES:,} events"
        size = f"{answers[0][1]:,} bytes"
        add(Row(PART, f"{name}: the answer", "ms", [ms for ms, _ in answers], note=size))
        openings = [_open(visit(browser, url, seed), address) for _ in range(OPENINGS)][1:]
        for at, moment in enumerate(("first paint", "complete", "live")):
            add(Row(PART, f"{name}: {moment}", "ms", [opening[at] for opening in openings]))
        _read_to_the_beginning(visit(browser, url, seed), address)


def _fetch(address: str, seed: dict[str, Any]) -> tuple[float, int]:
    """Returns milliseconds, and the size in bytes before compression."""
    cookie = {"Cookie": f"sessionid={seed['cast']['alice']['cookie']}"}
    began = time.perf_counter()
    with urllib.request.urlopen(urllib.request.Request(address, headers=cookie)) as answer:
        size = len(answer.read())
    return (time.perf_counter() - began) * 1000, size


def _open(page: Page, address: str) -> tuple[float, float, float]:
    """Returns milliseconds from the start of the navigation."""
    page.goto(address)
    page.locator('#connection[data-state="live"]').wait_for()
    live = page.evaluate("performance.now()")
    paint, whole = page.evaluate(
        """() => [performance.getEntriesByName("first-contentful-paint")[0].startTime,
          performance.getEntriesByType("navigation")[0].domComplete]"""
    )
    page.context.close()
    return paint, whole, live


def _read_to_the_beginning(page: Page, address: str) -> None:
    page.goto(address)
    page.locator('#connection[data-state="live"]').wait_for()
    page.evaluate(WATCH)
    spent, parts = page.evaluate(READ)
    count = page.locator(".exchange").count()
    note = f"{parts} parts, {count} exchanges; {_long(page)}"
    add(Row(PART, "scrolled to its beginning", "ms", [spent], note=note))
    page.context.close()


def _long(page: Page) -> str:
    tasks = page.evaluate("longTasks")
    return (
        f"{len(tasks)} tasks over 50 ms, the longest {max(tasks):.0f} ms"
        if tasks
        else ("no task over 50 ms")
    )


# -- from an event to the screen -------------------------------------------------------------------


def events(browser: Browser, var: Path, seed: dict[str, Any], *, name: str, **pace: str) -> None:
    with server(var, "benchmarks.app", **pace) as served:
        url = f"http://127.0.0.1:{served.port}"
        page = visit(browser, url, seed)
        stamps: dict[int, float] = {}
        ends: list[int] = []
        page.on(
            "websocket",
            lambda socket: socket.on("framereceived", lambda text: _keep(stamps, ends, text)),
        )
        page.goto(f"{url}/sessions/{seed['sessions'][0]}/")
        page.locator('#connection[data-state="live"]').wait_for()
        page.wait_for_timeout(1000)  # the page has come to rest
        page.evaluate(WATCH)
        page.locator("#message").fill("Go")
        page.keyboard.press("Enter")
        give_up = time.monotonic() + 60
        while not ends and time.monotonic() < give_up:
            page.wait_for_timeout(50)
        page.wait_for_function(SHOWN, arg=ends[0])
        page.wait_for_timeout(300)
        _tell(name, page, stamps)
        page.context.close()


def _keep(stamps: dict[int, float], ends: list[int], text: str | bytes) -> None:
    frame = json.loads(text)
    if "seq" in frame:
        stamps[frame["seq"]] = datetime.fromisoformat(frame["timestamp"]).timestamp() * 1000
        if frame["type"] == "run" and frame["status"] == "succeeded":
            ends.append(frame["seq"])


def _tell(name: str, page: Page, stamps: dict[int, float]) -> None:
    delays, last = [], min(stamps) - 1
    for seq, at in page.evaluate("painted"):
        delays += [at - stamps[each] for each in range(last + 1, seq + 1) if each in stamps]
        last = max(last, seq)
    delays.sort()
    note = f"{len(delays)} events; {_long(page)}"
    add(Row(PART, f"{name}: from event to paint, median", "ms", [statistics.median(delays)]))
    p95 = delays[len(delays) * 95 // 100]
    add(Row(PART, f"{name}: from event to paint, p95", "ms", [p95], note=note))
