"""Finds what held an event loop for more than `HELD` seconds, in this process and in a server's log.

Only processor time counts, so that no test fails because the machine is busy with another one. In this
process each callback is measured by itself, without the collection of garbage: the rows of all tests are
among what is collected.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.support.loop_watch import HELD

ROOT = Path(__file__).resolve().parents[2]
OURS = tuple(str(ROOT / name) for name in ("agent", "chat", "samurai_site"))
TOLD = "The event loop was held"


@contextmanager
def measured(files: tuple[str, ...] = OURS) -> Iterator[list[str]]:
    """Collects which callbacks of `files` held a loop of this process, each with its milliseconds."""
    found: list[str] = []
    collecting = 0.0
    collecting_since = 0.0
    run = asyncio.Handle._run

    def collected(phase: str, _: Any) -> None:
        nonlocal collecting, collecting_since
        if phase == "start":
            collecting_since = time.thread_time()
        else:
            collecting += time.thread_time() - collecting_since

    def measure(self: Any) -> None:
        callback = self._callback
        since, before = time.thread_time(), collecting
        run(self)
        held = time.thread_time() - since - (collecting - before)
        if held > HELD and (name := _name_in(files, callback)):
            found.append(f"{name}: {held * 1000:.0f} ms")

    gc.callbacks.append(collected)
    asyncio.Handle._run = measure  # type: ignore[method-assign]
    try:
        yield found
    finally:
        asyncio.Handle._run = run  # type: ignore[method-assign]
        gc.callbacks.remove(collected)


def _name_in(files: tuple[str, ...], callback: Any) -> str:
    """Returns the name of the coroutine or function if it is of `files`, or ""."""
    task = getattr(callback, "__self__", None)
    called = task.get_coro() if isinstance(task, asyncio.Task) else callback
    code = getattr(called, "cr_code", None) or getattr(called, "__code__", None)
    return called.__qualname__ if code is not None and code.co_filename.startswith(files) else ""


@pytest.fixture(autouse=True)
def nothing_holds_the_loop() -> Iterator[None]:
    with measured() as found:
        yield
    assert not found, found


def check_log(log: Path) -> None:
    """Fails if the log of a server tells that its loop was held."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    assert not (told := [line for line in lines if TOLD in line]), told
