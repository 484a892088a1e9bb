"""How long the offline model takes for messages of 100,000 characters, the longest that are taken.

Each of its calls reads the message anew, in a thread. The slower call counts.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from benchmarks.results import Bar, Row, add

PART = "The offline model, a message of 100,000 characters, one call"
BAR = Bar(200.0)  # milliseconds of one call
LENGTH, TRIES = 100_000, 3
KINDS = {
    "words": "word ",
    "commands": "mark x as done and ",
    "names": "a depends on b, ",
    "lists": "- a\n",
    "numbers": "1. a 2. b ",
    "lines": "\n",
    "quotes": '"',
    "open quotes": "“",
    "dots": ". ",
    "commas": ", ",
    "colons": "a: ",
    "brackets": "(",
    "one word": "x",
    "addresses": "http://",
    "a title": "create a task to x, and ",
    "a memory": "remember that we test and ",
}


def main() -> None:
    from agent.llm.base import Context, Outcome, TaskBrief
    from agent.llm.offline.model import OfflineModel

    tasks = tuple(TaskBrief(f"t{n}", f"Task number {n}", "pending", "medium") for n in range(99))
    board = Context("", "Bench", tasks=tasks)

    async def slowest(message: str) -> float:
        model, context = OfflineModel(), replace(board, message=message)
        began = time.perf_counter()
        analysis = await model.analyze(context)
        took = [time.perf_counter() - began]
        began = time.perf_counter()
        [piece async for piece in model.answer(context, analysis, Outcome(analysis.intent, ""))]
        took.append(time.perf_counter() - began)
        return max(took) * 1000

    asyncio.run(slowest("Mark task 2 as done"))  # compiles the patterns
    texts = {name: (text * LENGTH)[:LENGTH] for name, text in KINDS.items()}
    texts["an everyday message"] = "Mark task 2 as done, then create a task to ship"
    for name, text in texts.items():
        took = [asyncio.run(slowest(text)) for _ in range(TRIES)]
        add(Row(PART, name, "ms", took, BAR))
