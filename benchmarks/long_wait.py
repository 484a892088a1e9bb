"""A run in which a person waits long: structured calls of 15 s, reasoning of 6 s and a tool of 20 s.

Once with a model's server that streams and a tool that reports, once with neither.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from benchmarks import words
from benchmarks.processes import seeded, server
from benchmarks.results import Bar, Row, add
from benchmarks.words import Watched
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

PART = "A run with structured calls of 15 s, reasoning of 6 s and a tool of 20 s"
STRUCTURED, THINKING, ANSWERING = 15.0, 6.0, 4.0  # seconds
VIEW = {"width": 1400, "height": 900}

THOUGHT = "The person wants the site checked, and a task with what was found. " * 8
ANALYSIS = {
    "intent": "command",
    "summary": "Wants the site checked, and a task with what was found",
    "needs_tools": True,
    "question": "",
}
NOTES = [
    {
        "memory_id": None,
        "title": f"Decision {number}",
        "content": "The site is checked before each release. " * 4,
        "kind": "decision",
        "category": "",
    }
    for number in range(1, 4)
]
ANSWER = "The site is up, and the task is on the board. " * 8


def _plan(*, reports: bool) -> dict[str, Any]:
    check = {"url": "https://example.org", "reports": reports}
    steps = [("check_site", "Check the site", check)]
    steps += [("create_task", f"Create task {number}", _task(number)) for number in range(1, 5)]
    return {
        "summary": "One check, then four tasks",
        "steps": [
            {
                "id": f"s{number}",
                "type": "tool",
                "tool": tool,
                "description": description,
                "arguments": arguments,
                "depends_on": ["s1"] if number > 1 else [],
            }
            for number, (tool, description, arguments) in enumerate(steps, 1)
        ],
    }


def _task(number: int) -> dict[str, Any]:
    return {"title": f"Release note {number}", "description": "What the check has shown. " * 12}


@dataclass
class SlowModel:
    """A model that takes its time. `sends`: its server streams what it writes; otherwise each response
    comes as a whole, after the same time.
    """

    sends: bool

    def __call__(self, request: Request) -> Answer:
        handle = by_schema(
            analysis=lambda _: self._answer(json.dumps(ANALYSIS), STRUCTURED),
            plan=lambda _: self._answer(json.dumps(_plan(reports=self.sends)), STRUCTURED, THOUGHT),
            memory=lambda _: self._answer(json.dumps({"notes": NOTES}), STRUCTURED),
            answer=lambda _: self._answer(ANSWER, ANSWERING, THOUGHT),
        )
        answer: Answer = handle(request)
        return answer

    def _answer(self, text: str, seconds: float, thought: str = "") -> Answer:
        written = [
            *_paced(thought, THINKING, "reasoning_content"),
            *_paced(text, seconds, "content"),
        ]
        if not self.sends:  # all pauses first
            written.sort(key=lambda part: not isinstance(part, float))
        return events([*written, chunk(finish_reason="stop"), USED])


def _paced(text: str, seconds: float, name: str) -> list[Any]:
    pieces = tokens(text)
    return [
        part for piece in pieces for part in (seconds / len(pieces), chunk(None, **{name: piece}))
    ]


def measure(browser: Browser) -> None:
    for sends in (True, False):
        name = "sending" if sends else "not sending"
        watched = _round(browser, SlowModel(sends))
        length = watched.ended - watched.began
        note = f"a run of {length:.0f} s; {watched.share_in_gaps:.0f} % in gaps over 2 s"
        note += f", the longest {watched.longest:.1f} s"
        _tell(f"silent share, {name}", "%", watched.silent_share, Bar(5), note)
        _tell(f"longest gap after a frame, {name}", "s", watched.longest_while_sent, Bar(2))
        _tell(f"first word of the first run, {name}", "ms", watched.first_word * 1000, Bar(500))
        out = ", ".join(f"{part} {seconds:.1f} s" for part, seconds in watched.out.items())
        _tell(f"out of view, {name}", "s", max(watched.out.values()), Bar(0), out)
        _tell(f"move of the answer at the end, {name}", "px", watched.jump, Bar(10))


def _tell(name: str, unit: str, value: float, bar: Bar, note: str = "") -> None:
    add(Row(PART, name, unit, [value], bar, note=note))


def _round(browser: Browser, model: SlowModel) -> Watched:
    with tempfile.TemporaryDirectory() as folder, ModelServer(model) as served:
        var = Path(folder)
        seed = seeded(var)
        env = {
            "OPENAI_API_KEY": "key",
            "OPENAI_BASE_URL": served.base_url,
            "SAMURAI_MODEL": "slow-1",
            "SAMURAI_APPS": "benchmarks.slow_tool",
        }
        with server(var, "samurai_site.asgi", **env) as site:
            return _watch(browser, f"http://127.0.0.1:{site.port}", seed)


def _watch(browser: Browser, url: str, seed: dict[str, Any]) -> Watched:
    context = browser.new_context(viewport=VIEW)  # type: ignore[arg-type]  # a TypedDict in the stubs
    context.add_init_script(words.HEAR)
    cookie = {"name": "sessionid", "value": seed["cast"]["alice"]["cookie"], "url": url}
    context.add_cookies([cookie])  # type: ignore[list-item]  # a TypedDict in the stubs
    page = context.new_page()
    page.goto(f"{url}/sessions/{seed['sessions'][0]}/")
    page.locator('#connection[data-state="live"]').wait_for()
    words.watch(page)
    page.locator("#message").fill("Check the site, and note what you find")
    began = time.time()
    page.keyboard.press("Enter")
    page.wait_for_function("() => watched.ended", timeout=240_000)
    watched = words.seen(page, began)
    context.close()
    return watched
