"""What a check has found, and how checks are run: all at once, each in a thread, none for long."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

logger = logging.getLogger(__name__)

Level = Literal["ok", "warning", "error", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`text`: what was found; `remedy`: what to do, "" if there is nothing to do. A sentence each."""

    name: str
    level: Level
    text: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def ok(name: str, text: str) -> Finding:
    return Finding(name, "ok", text)


def warning(name: str, text: str, remedy: str) -> Finding:
    return Finding(name, "warning", text, remedy)


def error(name: str, text: str, remedy: str) -> Finding:
    return Finding(name, "error", text, remedy)


def unknown(name: str, text: str, remedy: str) -> Finding:
    return Finding(name, "unknown", text, remedy)


@dataclass(frozen=True, slots=True)
class Check:
    """A check that returns at least one finding. `name`: of what is checked."""

    name: str
    run: Callable[[], Iterable[Finding]]


def run_all(checks: Sequence[Check], seconds: float) -> list[Finding]:
    """Returns what the checks have found within so many seconds, in their order.

    A check that raises or takes longer has found nothing: `unknown`. Its thread ends with the process.
    """
    done: queue.SimpleQueue[tuple[int, list[Finding]]] = queue.SimpleQueue()
    for number, check in enumerate(checks):
        threading.Thread(target=_run, args=(number, check, done), daemon=True).start()
    found: dict[int, list[Finding]] = {}
    until = time.monotonic() + seconds
    while len(found) < len(checks) and (left := until - time.monotonic()) > 0:
        try:
            number, findings = done.get(timeout=left)
        except queue.Empty:
            break
        found[number] = findings
    late = f"The check did not end within {seconds:g} seconds."
    return [
        finding
        for number, check in enumerate(checks)
        for finding in found.get(number) or [unknown(check.name, late, "Find out what hangs.")]
    ]


def _run(number: int, check: Check, done: queue.SimpleQueue[tuple[int, list[Finding]]]) -> None:
    try:
        found = list(check.run())
    except Exception as failure:
        logger.debug("The check %s failed", check.name, exc_info=True)
        text = f"The check failed with {type(failure).__name__}."
        found = [unknown(check.name, text, "Look at the other findings first.")]
    done.put((number, found))
