"""Compares the events of a replay with the recorded ones, but for times and ids."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.capsule.pace import Frame
from agent.event_log.phases import Phase

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DURATION = re.compile(r"\d[\d,.]* ?(?:ms|s|min|h|seconds?|minutes?|hours?)\b(?: \d+ (?:s|min))?")
# Fields that tell a time, or what earlier runs took. `position` and `seq`: places among other runs.
_TIMES = frozenset(
    {
        "seq", "timestamp", "duration_ms", "eta_ms", "eta", "slow_after_ms", "usual", "gives_up_at", "took",
        "estimate", "expires_at", "html",
    }
)  # fmt: skip
_MOMENTS = frozenset({"started_at", "finished_at"})  # whether there is one counts
# What a redaction keeps, and replaces: `agent.capsule.redaction`.
DATE = r"\d{4}-\d\d-\d\d(?!\d)"
LONG_NUMBER = r"\d(?:[ .\-/]?\d){4,}"  # also the number of a telephone or a card
_REDACTED = re.compile(rf"(?P<date>{DATE})|(?P<number>{LONG_NUMBER})|[^\W\d_]")
SHOWN = 120  # characters of a value in a difference


@dataclass(frozen=True, slots=True)
class Difference:
    """The first difference: at which event (from 1), in which field, and what is there."""

    number: int
    place: str
    recorded: Any
    now: Any

    def __str__(self) -> str:
        recorded, now = _shown(self.recorded), _shown(self.now)
        return f"event {self.number}, {self.place or 'the event'}: recorded {recorded}, now {now}"


_ABSENT = object()


def _shown(value: Any) -> str:
    return "nothing" if value is _ABSENT else f"{value!r:.{SHOWN}}"


def first_difference(
    recorded: Sequence[Frame], replayed: Sequence[Frame], *, redacted: bool = False
) -> Difference | None:
    """Returns where the logs differ first. `redacted`: of texts, only the shape is compared."""
    recorded, replayed = _in_order(recorded), _in_order(replayed)
    one, other = _Plain(redacted), _Plain(redacted)
    for number in range(max(len(recorded), len(replayed))):
        left = one.of(recorded[number]) if number < len(recorded) else _ABSENT
        right = other.of(replayed[number]) if number < len(replayed) else _ABSENT
        if left != right:
            return Difference(number + 1, *_place("", left, right))
    return None


def _in_order(frames: Sequence[Frame]) -> list[Frame]:
    """Returns the events with the starts of the last two phases in one order: they begin at the same time."""
    found = list(frames)
    for place in range(1, len(found)):
        before, after = found[place - 1], found[place]
        if _starts(before, Phase.COMPLETION) and _starts(after, Phase.MEMORY):
            found[place - 1], found[place] = after, before
    return found


def _starts(frame: Frame, phase: Phase) -> bool:
    told = frame["progress"] if frame["type"] == "progress" else {}
    return told.get("step") == phase and told["metadata"].get("phase") == "started"


def _place(path: str, left: Any, right: Any) -> tuple[str, Any, Any]:
    """Returns where two different values differ first."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in dict.fromkeys([*left, *right]):
            one, other = left.get(name, _ABSENT), right.get(name, _ABSENT)
            if one != other:
                return _place(f"{path}.{name}".lstrip("."), one, other)
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for number, (one, other) in enumerate(zip(left, right, strict=True)):
            if one != other:
                return _place(f"{path}[{number}]", one, other)
    return path, left, right


class _Plain:
    """Makes the events of one log comparable: ids are numbered in the order in which they come."""

    def __init__(self, redacted: bool) -> None:
        self._ids: dict[str, str] = {}
        self._redacted = redacted

    def of(self, frame: Frame) -> dict[str, Any]:
        plain = self._value(dict(frame))
        if frame["type"] == "run" and frame["status"] == "queued":
            plain.pop("position", None)
            plain.pop("text", None)
        if self._redacted and frame["type"] != "token":
            plain.pop("text", None)
        return dict(plain)

    def _value(self, value: Any, name: str = "") -> Any:
        match value:
            case str():
                return self._text(value, name)
            case dict():
                return self._object(value)
            case list():
                return [self._value(item, name) for item in value]
        return value

    def _object(self, value: Mapping[str, Any]) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for key, item in value.items():
            if key in _TIMES:
                continue
            plain[key] = item is not None if key in _MOMENTS else self._value(item, key)
        return plain

    def _text(self, text: str, name: str) -> str:
        text = ID.sub(lambda found: self._ids.setdefault(found[0], f"id {len(self._ids)}"), text)
        if name in ("line", "details"):
            text = _DURATION.sub("T", text)
        if self._redacted and name not in KEPT:
            text = _REDACTED.sub(_shape, text)
        return text


def _shape(found: re.Match[str]) -> str:
    if found["date"]:
        return found[0]
    return "0" * len(found[0]) if found["number"] else "x"


# Fields with words of the product, which a redaction keeps.
KEPT = frozenset(
    {
        "type", "status", "step", "step_id", "phase", "tool", "object", "action", "kind",
        "priority", "role", "code", "id", "unit", "depends_on", "verb", "$from", "state",
    }
)  # fmt: skip
