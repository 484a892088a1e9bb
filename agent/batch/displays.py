"""What a person, or a program, sees of a batch while it works; all of it on the standard error.

The live one for terminals is `agent.batch.live`.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from collections.abc import Iterator

from agent.batch.inputs import Item, Unread
from agent.batch.results import Result
from agent.batch.tally import Tally
from agent.event_log import log
from agent.support.counts import count
from agent.support.durations import duration


class Display:
    """Shows nothing but what went wrong: `--quiet`."""

    def __init__(self, total: int | None) -> None:
        """`total`: how many inputs there are; None when that is not known before their end."""
        self.total = total
        self.started = time.monotonic()

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """For as long as the batch works."""
        yield

    def out(self, line: str) -> None:
        """Writes a whole line between what is shown."""
        print(line, file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        """Tells what has to be told, such as a line of the program's log."""
        self.out(plain(text))

    def began(self, item: Item) -> None:
        """The item's turn has come."""

    def event(self, item: Item, frame: log.Frame) -> None:
        """The item's run has a new event."""

    def ended(self, item: Item, result: Result, handled: int) -> None:
        if not result["ok"]:
            self.note(outcome(item, result))

    def unread(self, line: Unread) -> None:
        self.note(f"Line {line.line} is left out: {line.why}.")

    def done_before(self, number: int) -> None:
        """So many inputs were done by an earlier start."""

    def summary(self, tally: Tally, interrupted: bool) -> None:
        """Says what came of all."""


class Plain(Display):
    """A line for each input that ended."""

    def ended(self, item: Item, result: Result, handled: int) -> None:
        of = "" if self.total is None else f"/{self.total}"
        self.note(f"[{handled}{of}] {outcome(item, result)}")

    def summary(self, tally: Tally, interrupted: bool) -> None:
        parts = [f"{number} {status}" for status, number in sorted(tally.ended.items())]
        if tally.before:
            parts.append(f"{tally.before} done before")
        if tally.unread:
            parts.append(f"{count(tally.unread, 'line')} left out")
        took = duration(1000 * (time.monotonic() - self.started))
        said = ", ".join(parts) or "nothing to do"
        self.note(f"{'Interrupted' if interrupted else 'Finished'} after {took}: {said}.")


class JsonEvents(Display):
    """Every event and note as a line of JSON: `--json-events`."""

    def note(self, text: str) -> None:
        self._tell(note=text)

    def event(self, item: Item, frame: log.Frame) -> None:
        # The frame is JSON already.
        self.out(f'{{"id": {json.dumps(item.id)}, "event": {frame.body}}}')

    def ended(self, item: Item, result: Result, handled: int) -> None:
        """The last event told it; only a refused input has none."""
        if result["run"] is None:
            self._tell(id=item.id, refused={"code": result["code"], "error": result["error"]})

    def unread(self, line: Unread) -> None:
        self._tell(unread={"line": line.line, "error": line.why})

    def summary(self, tally: Tally, interrupted: bool) -> None:
        self._tell(
            summary={
                **tally.ended,
                "done_before": tally.before,
                "left_out": tally.unread,
                "interrupted": interrupted,
            }
        )

    def _tell(self, **what: object) -> None:
        self.out(json.dumps(what))


class Notes(io.TextIOBase):
    """A stream whose lines become notes of a display: for the program's log."""

    def __init__(self, display: Display) -> None:
        self._display = display

    def write(self, text: str, /) -> int:
        for line in text.splitlines():
            self._display.note(line)
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""


def outcome(item: Item, result: Result) -> str:
    """Returns one line on how an input ended."""
    said = f"{item.id}: {result['status']} in {duration(result['duration_ms'])}"
    if result["changes"]:
        said += f", {count(len(result['changes']), 'change')}"
    if result["dry_run"] and result["ok"]:
        steps = result["plan"]["steps"] if result["plan"] else []
        return f"{said}, planned {count(len(steps), 'step')}"
    return said if result["error"] is None else f"{said}: {result['error']}"


def plain(text: str) -> str:
    """Returns `text` as one line that does nothing to a terminal."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
