"""What a tool reports while it works: one line for its step, and sub-steps with counts and times.

A plain function works in one transaction: its sub-steps are told with the commit. Those of an async
function, and of a reading, are told while it works, at most ten events a second. The last count of each is
never lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from agent.event_log import events, phases
from agent.event_log.phases import Phase
from agent.event_log.texts import counted
from agent.event_log.times import milliseconds, now
from agent.llm.reading import clean
from agent.shorten import shorten

PAUSE = 0.1  # seconds between two events
MAX_SUB_STEPS = 20  # of one call; further ones are not shown
MAX_MESSAGE, MAX_DETAILS, MAX_NAME = 200, 1_000, 40  # characters

Send = Callable[[events.Event], bool]


@dataclass(slots=True)
class _SubStep:
    """A sub-step as it is now. `is_told`: the event of its start was sent."""

    step: str
    part: str
    started_at: str
    message: str = ""
    counts: dict[str, Any] = field(default_factory=dict)  # done, of, unit
    state: str = "started"
    ended_at: str = ""
    is_told: bool = False

    @property
    def details(self) -> str:
        return counted(self.counts)

    @property
    def duration_ms(self) -> int:
        return milliseconds(self.ended_at) - milliseconds(self.started_at)

    def end(self, state: str, at: str) -> None:
        self.state, self.ended_at = state, at

    def as_json(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "message": self.message,
            "details": self.details,
            "state": self.state,
            "started_at": self.started_at,
            "duration_ms": self.duration_ms,
            **self.counts,
        }


class Reports:
    """`ToolCall.progress` of one call. `parent`: the id of its step of the plan, or of its reading."""

    def __init__(self, run: UUID, parent: str, send: Send | None = None) -> None:
        """`send` tells an event at once; it returns whether the event was taken. Without it, all events
        are told by `end`.
        """
        self.run, self.parent = run, parent
        self._send = send
        self._loop = asyncio.get_running_loop() if send else None
        self._sub_steps: dict[tuple[str, str], _SubStep] = {}
        self._line: tuple[str, str] | None = None  # the last one that was told
        # What is not told yet, oldest first: sub-steps, and under None the line.
        self._untold: dict[tuple[str, str] | None, Any] = {}
        self._next_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._last: list[events.Event] | None = None  # what `end` returned

    def __call__(
        self,
        message: str = "",
        details: str = "",
        *,
        step: str = "",
        done: int | None = None,
        of: int | None = None,
        unit: str = "",
        part: str = "",
    ) -> None:
        if step and phases.kind_of(step) is None:
            raise ValueError(f"unknown progress step {step!r}; register it with progress_step")
        if not all(isinstance(one, int | None) for one in (done, of)):
            raise TypeError(f"done and of must be whole numbers, not {done!r} and {of!r}")
        done = 0 if done is None and of is not None else done
        counts = {"done": done, "of": of, "unit": _line(unit, MAX_NAME)}
        report = (
            (step, _line(part, MAX_NAME) or "1") if step else None,
            _line(message, MAX_MESSAGE),
            _line(details, MAX_DETAILS),
            {name: value for name, value in counts.items() if value not in (None, "")},
            now(),
        )
        if self._loop is None or _is_running(self._loop):
            self._take(*report)
        else:  # a thread
            self._loop.call_soon_threadsafe(self._take, *report)

    def _take(
        self,
        key: tuple[str, str] | None,
        message: str,
        details: str,
        counts: dict[str, Any],
        at: str,
    ) -> None:
        if self._last is not None:
            return  # the call is over
        if key is None:
            if (message, details) != self._line:
                self._untold[None] = (message, details)
        elif key in self._sub_steps or len(self._sub_steps) < MAX_SUB_STEPS:
            self._update(key, message, counts, at)
        if self._send is not None:
            self._tell()

    def _update(self, key: tuple[str, str], message: str, counts: dict[str, Any], at: str) -> None:
        one = self._sub_steps.get(key)
        if one is None or one.state != "started":  # it begins, or begins again
            one = self._sub_steps[key] = _SubStep(*key, at)
        kind = phases.kind_of(one.step)
        one.message = message or one.message or (kind.label if kind else one.step)
        one.counts |= counts
        if "of" in one.counts and one.counts.get("done", 0) >= one.counts["of"]:
            one.end("finished", at)
        self._untold[key] = one

    # -- events ------------------------------------------------------------------------------------

    def _tell(self) -> None:
        """Sends one event, now or as soon as the pause allows, then the others."""
        if self._timer is not None or not self._untold or self._loop is None:
            return
        wait = self._next_at - self._loop.time()
        if wait > 0:
            self._timer = self._loop.call_later(wait, self._on_time)
            return
        self._next_at = self._loop.time() + PAUSE
        key = next(iter(self._untold))
        assert self._send is not None
        if self._send(self._event(key)):
            self._was_told(key)
        self._tell()

    def _on_time(self) -> None:
        self._timer = None
        if self._last is None:
            self._tell()

    def _event(self, key: tuple[str, str] | None) -> events.Event:
        """Returns the next event of a sub-step: its start, its counts or its end; or the line."""
        if key is None:
            message, details = self._untold[None]
            about = {"step_id": self.parent}
            return events.Progress(self.run, Phase.EXECUTION, message, details, about)
        one: _SubStep = self._sub_steps[key]
        kind = phases.kind_of(one.step)
        metadata: dict[str, Any] = {"step_id": self.parent, "part": one.part, **one.counts}
        at = now()
        if not one.is_told:
            metadata, at = {"phase": "started", **metadata}, one.started_at
        elif one.state != "started":
            metadata = {"phase": one.state, "duration_ms": one.duration_ms, **metadata}
            at = one.ended_at
        icon = kind.icon if kind else ""
        message = f"{icon} {one.message}".strip()
        return events.Progress(self.run, one.step, message, one.details, metadata, timestamp=at)

    def _was_told(self, key: tuple[str, str] | None) -> None:
        if key is None:
            self._line = self._untold.pop(None)
            return
        one = self._sub_steps[key]
        if one.is_told or one.state == "started":
            del self._untold[key]
        one.is_told = True

    # -- the end -----------------------------------------------------------------------------------

    def end(self, state: str) -> list[events.Event]:
        """Ends the open sub-steps as `finished` or `failed`. Returns the events that are not told yet."""
        if self._last is None:
            self.drop()
            for key, one in self._sub_steps.items():
                if one.state == "started":
                    one.end(state, now())
                    self._untold[key] = one
            self._last = list(self._rest())
        return self._last

    def _rest(self) -> list[events.Event]:
        told = []
        if self._send is None:  # nobody was waiting for it
            self._untold.pop(None, None)
        while self._untold:
            key = next(iter(self._untold))
            told.append(self._event(key))
            self._was_told(key)
        return told

    def drop(self) -> None:
        """Sends nothing more by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def as_json(self) -> list[dict[str, Any]]:
        """Returns the sub-steps of a call that is over, for its row."""
        return [one.as_json() for one in self._sub_steps.values()]


def pause(seconds: float, details: str) -> dict[str, Any]:
    """Returns the pause before another call of a tool, which begins now, as `as_json` has sub-steps."""
    kind = phases.kind_of(phases.RETRY)
    assert kind is not None, "it is registered"
    return {
        "step": phases.RETRY,
        "message": kind.label,
        "details": _line(details, MAX_DETAILS),
        "state": "finished",
        "started_at": now(),
        "duration_ms": round(seconds * 1000),
    }


def _line(text: str, limit: int) -> str:
    return shorten(clean(text), limit)


def _is_running(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
