"""`make bench ARGS=page`: measures the session page in Chromium on this machine.

A session of 2,000 messages and 21,000 events is opened, read back to its beginning, and another time a key
leads there. The nodes of the document are counted, and what a typed letter costs is compared with a short
session. Then a run reports events; the time from an event's timestamp to the paint of its row is measured.
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
from benchmarks.results import Bar, Row, add
from tests.support.server import ROOT, environment
from tests.support.services import chromium_path

PART = "The session's page in Chromium"
EXCHANGES = 1000
SHORT = 5  # exchanges
OPENINGS = 7
LIVE = 1000.0  # ms until the page is live
TASK = 200.0  # ms of the longest task on the main thread
MOST_NODES = 30_000
KEYS = 40

# In the page: records long tasks (over 50 ms), also those before.
TASKS = """() => {
  window.longTasks = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) longTasks.push(entry.duration);
  }).observe({ type: "longtask", buffered: true });
}"""

# In the page: records the time when each event was painted.
WATCH = """() => {
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

# In the page: the number of the document's nodes, with texts.
NODES = """() => {
  const walker = document.createTreeWalker(document);
  let count = 1;
  while (walker.nextNode()) count += 1;
  return count;
}"""

# In the page: scrolls up until the first part is there; returns the time, the number of parts and the most
# nodes.
READ = f"""async () => {{
  const nodes = {NODES};
  const [log, entries] = ["log", "entries"].map((id) => document.getElementById(id));
  const began = performance.now();
  let [parts, most, counting] = [0, nodes(), 0];
  for (let first; (first = entries.firstElementChild).matches(".gap"); parts += 1) {{
    log.scrollTop = 0;
    while (entries.firstElementChild === first) await new Promise((go) => setTimeout(go, 10));
    const before = performance.now();
    most = Math.max(most, nodes());
    counting += performance.now() - before;
  }}
  return [performance.now() - began - counting, parts, most];
}}"""

# In the page: types a text, and returns the milliseconds until each key is shown, in ascending order.
TYPE = """async (keys) => {
  const field = document.getElementById("message");
  const spent = [];
  field.focus();
  for (let key = 0; key < keys; key++) {
    await new Promise(requestAnimationFrame);
    const began = performance.now();
    document.execCommand("insertText", false, "a");
    field.getBoundingClientRect();
    await new Promise((go) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = go;
      requestAnimationFrame(() => port2.postMessage(0));
    });
    spent.push(performance.now() - began);
  }
  return spent.sort((a, b) => a - b);
}"""

# In the page: the milliseconds that Home takes until the first message is in view.
JUMP = """async () => {
  const log = document.getElementById("log");
  const began = performance.now();
  log.focus();
  log.dispatchEvent(new KeyboardEvent("keydown", { key: "Home", bubbles: true }));
  while (!document.activeElement.matches("[data-linked]")) await new Promise((go) => setTimeout(go, 5));
  return performance.now() - began;
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
    for session, count in zip(seed["sessions"], (EXCHANGES, SHORT), strict=False):
        fill = [sys.executable, "-m", "tests.support.long_session", session, str(count)]
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
        parts: list[tuple[str, str, float | None]] = [
            *(("first paint", "ms", None), ("complete", "ms", None), ("live", "ms", LIVE)),
            *(("longest task", "ms", TASK), ("nodes", "nodes", MOST_NODES)),
        ]
        for at, (moment, unit, bar) in enumerate(parts):
            values = [opening[at] for opening in openings]
            add(Row(PART, f"{name}: {moment}", unit, values, Bar(bar) if bar else None))
        short = _typing(visit(browser, url, seed), f"{url}/sessions/{seed['sessions'][1]}/")
        long = _typing(visit(browser, url, seed), address)
        note = "compared with a session of five messages"
        add(Row(PART, f"{name}: a key", "ms", long, peers={"short": short}, note=note))
        _read_to_the_beginning(visit(browser, url, seed), address, short)
        jumps = [_jump(visit(browser, url, seed), address) for _ in range(OPENINGS)][1:]
        add(Row(PART, f"{name}: Home, to the first message", "ms", jumps))


def _fetch(address: str, seed: dict[str, Any]) -> tuple[float, int]:
    """Returns milliseconds, and the size in bytes before compression."""
    cookie = {"Cookie": f"sessionid={seed['cast']['alice']['cookie']}"}
    began = time.perf_counter()
    with urllib.request.urlopen(urllib.request.Request(address, headers=cookie)) as answer:
        size = len(answer.read())
    return (time.perf_counter() - began) * 1000, size


def _live(page: Page, address: str) -> None:
    page.goto(address)
    page.locator('#connection[data-state="live"]').wait_for()


def _open(page: Page, address: str) -> tuple[float, float, float, float, float]:
    """Returns milliseconds from the start of the navigation, those of the longest task, and the nodes."""
    _live(page, address)
    live = page.evaluate("performance.now()")
    page.evaluate(TASKS)
    page.wait_for_timeout(300)
    longest = max(page.evaluate("longTasks"), default=0.0)
    nodes = page.evaluate(NODES)
    paint, whole = page.evaluate(
        """() => [performance.getEntriesByName("first-contentful-paint")[0].startTime,
          performance.getEntriesByType("navigation")[0].domComplete]"""
    )
    page.context.close()
    return paint, whole, live, longest, nodes


def _typing(page: Page, address: str) -> list[float]:
    _live(page, address)
    page.wait_for_timeout(500)
    keys: list[float] = page.evaluate(TYPE, KEYS)
    page.context.close()
    return keys


def _jump(page: Page, address: str) -> float:
    _live(page, address)
    spent: float = page.evaluate(JUMP)
    page.context.close()
    return spent


def _read_to_the_beginning(page: Page, address: str, short: list[float]) -> None:
    _live(page, address)
    page.evaluate(TASKS)
    spent, parts, most = page.evaluate(READ)
    count = page.locator(".exchange").count()
    note = f"{parts} parts, {count} exchanges are left; {_long(page)}"
    add(Row(PART, "read back to its beginning", "ms", [spent], note=note))
    add(Row(PART, "read back to its beginning: most nodes", "nodes", [most], Bar(MOST_NODES)))
    keys = page.evaluate(TYPE, KEYS)
    add(Row(PART, "read back to its beginning: a key", "ms", keys, peers={"short": short}))
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
        page.evaluate(TASKS)
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
