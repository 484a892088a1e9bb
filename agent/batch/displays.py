"""The displays of a batch, all on the standard error: quiet, plain lines, or JSON.

The live display for terminals is `agent.batch.live`.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from collections.abc import Iterator

from agent.batch.items import Item, Unread
from agent.batch.results import Result
from agent.batch.tally import Tally
from agent.event_log import log
from agent.support.counts import count
from agent.support.durations import duration


class Display:
    """Shows only failures: `--quiet`."""

    def __init__(self, total: int | None) -> None:
        """`total`: the number of inputs; None when it is unknown."""
        self.total = total
        self.started = time.monotonic()

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Shows the display within the block."""
        yield

    def out(self, line: str) -> None:
        """Writes a line."""
        print(line, file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        """Shows a text, such as a line of the program's log."""
        self.out(plain(text))

    def began(self, item: Item) -> None:
        """The item is being executed."""

    def event(self, item: Item, frame: log.Frame) -> None:
        """The item's run has a new event."""

    def ended(self, item: Item, result: Result, handled: int) -> None:
        if not result["ok"]:
            self.note(outcome(item, result))

    def unread(self, line: Unread) -> None:
        self.note(f"Line {line.line} skipped: {line.reason}.")

    def done_before(self, number: int) -> None:
        """`number` inputs were done by an earlier invocation."""

    def summary(self, tally: Tally, interrupted: bool) -> None:
        """Shows the numbers of the whole batch."""


class Plain(Display):
    """Shows a line for each input that ended."""

    def ended(self, item: Item, result: Result, handled: int) -> None:
        of = "" if self.total is None else f"/{self.total}"
        self.note(f"[{handled}{of}] {outcome(item, result)}")

    def summary(self, tally: Tally, interrupted: bool) -> None:
        parts = [f"{number} {status}" for status, number in sorted(tally.ended.items())]
        if tally.before:
            parts.append(f"{tally.before} done earlier")
        if tally.unread:
            parts.append(f"{count(tally.unread, 'line')} skipped")
        took = duration(1000 * (time.monotonic() - self.started))
        numbers = ", ".join(parts) or "nothing to do"
        self.note(f"{'Interrupted' if interrupted else 'Finished'} after {took}: {numbers}.")


class JsonEvents(Display):
    """Shows every event and note as a line of JSON: `--json-events`."""

    def note(self, text: str) -> None:
        self._write(note=text)

    def event(self, item: Item, frame: log.Frame) -> None:
        # The frame is JSON already.
        self.out(f'{{"id": {json.dumps(item.id)}, "event": {frame.body}}}')

    def ended(self, item: Item, result: Result, handled: int) -> None:
        """Shows a refusal. Other ends are in the run's last event."""
        if result["run"] is None:
            self._write(id=item.id, refused={"code": result["code"], "error": result["error"]})

    def unread(self, line: Unread) -> None:
        self._write(unread={"line": line.line, "error": line.reason})

    def summary(self, tally: Tally, interrupted: bool) -> None:
        self._write(
            summary={
                **tally.ended,
                "done_before": tally.before,
                "left_out": tally.unread,
                "interrupted": interrupted,
            }
        )

    def _write(self, **fields: object) -> None:
        self.out(json.dumps(fields))


class Notes(io.TextIOBase):
    """A stream for the program's log, which shows its lines as notes."""

    def __init__(self, display: Display) -> None:
        self._display = display

    def write(self, text: str, /) -> int:
        for line in text.splitlines():
            self._display.note(line)
        return len(text)

    def flush(self) -> None:
        """Nothing is buffered."""


def outcome(item: Item, result: Result) -> str:
    """Returns a line on how an input ended."""
    text = f"{item.id}: {result['status']} in {duration(result['duration_ms'])}"
    if result["changes"]:
        text += f", {count(len(result['changes']), 'change')}"
    if result["dry_run"] and result["ok"]:
        steps = result["plan"]["steps"] if result["plan"] else []
        return f"{text}, planned {count(len(steps), 'step')}"
    return text if result["error"] is None else f"{text}: {result['error']}"


def plain(text: str) -> str:
    """Returns `text` as one line without control characters."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
