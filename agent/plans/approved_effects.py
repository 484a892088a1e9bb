"""Compares what a step changes with the effects that an approval showed. Executes and asks nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agent.event_log.payloads import EffectChange, StepEffect
from agent.plan import Plan

# Places and numbers on the board depend on the other tasks. What the plan says is the task beside it.
_UNCOMPARED = {"id", "position", "number"}


class ApprovedEffects:
    """The effects that one approval showed.

    `created`: the ids of the objects that each finished step created, in order. The approval shows
    these objects with the temporary ids of the dry run.
    """

    def __init__(self, effects: Iterable[StepEffect], created: Mapping[str, Sequence[str]]) -> None:
        self._effects = {effect["step"]: effect for effect in effects}
        self._shown_ids: dict[str, str] = {}  # temporary ids, by the ids that the objects have now
        for step, ids in created.items():
            shown = (change["id"] for change in self._shown(step) if change["action"] == "created")
            self._shown_ids.update(zip(ids, shown, strict=False))

    def differing(self, step: str, changes: Iterable[EffectChange]) -> list[bool]:
        """Tells for each change of the step whether the approval did not show it like this.

        A change that the approval showed and that is not among `changes` makes no difference: somebody
        has made it already. Where effects were unknown, the approval covers what the step creates.
        """
        created = (change for change in self._shown(step) if change["action"] == "created")
        return [
            not self._is_known(step, change, next(created, None))
            if change["action"] == "created"
            else not any(_covers(shown, self._translated(change)) for shown in self._shown(step))
            for change in changes
        ]

    def has_tried(self, step: str) -> bool:
        """Tells whether the approval showed what the step does with the arguments that it takes."""
        return step in self._effects and not self._effects[step]["note"]

    def _shown(self, step: str) -> list[EffectChange]:
        return self._effects[step]["changes"] if step in self._effects else []

    def _is_known(self, step: str, change: EffectChange, shown: EffectChange | None) -> bool:
        """Compares a created object with the one `shown` in its place, and notes its id."""
        if shown is None:
            return step in self._effects and bool(self._effects[step]["note"])
        self._shown_ids[change["id"]] = shown["id"]
        return _covers(shown, self._translated(change))

    def _translated(self, value: Any) -> Any:
        """Returns the value with the ids that the approval has for the same objects."""
        if isinstance(value, Mapping):
            return {name: self._translated(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._translated(item) for item in value]
        return self._shown_ids.get(value, value) if isinstance(value, str) else value


def shows_all(
    shown: Sequence[StepEffect], former: Plan, effects: Sequence[StepEffect], edited: Plan
) -> bool:
    """Tells whether the `shown` effects of the `former` plan contain all `effects` of the `edited` one.

    Where nobody knows what a step does, every step has to be as it was: what it does may come from any.
    """
    actions = [step.action for step in former.steps]
    if any(one["note"] or "arguments" in one for one in (*shown, *effects)):
        return all(step.action in actions for step in edited.steps)
    known = ApprovedEffects(shown, {})
    return not any(any(known.differing(one["step"], one["changes"])) for one in effects)


def _covers(shown: EffectChange, change: EffectChange) -> bool:
    """Tells whether the change does nothing to the object but what is `shown`."""
    same = all(shown[name] == change[name] for name in ("object", "id", "action"))
    return same and all(
        _within(shown[side], change[side], part=change["action"] == "updated")
        for side in ("before", "after")
    )


def _within(shown: Mapping[str, Any] | None, now: Mapping[str, Any] | None, *, part: bool) -> bool:
    """Tells whether `now` has the shown values, or with `part` some of them."""
    if shown is None or now is None:
        return shown is now
    if not (now.keys() <= shown.keys() if part else now.keys() == shown.keys()):
        return False
    return all(name in _UNCOMPARED or shown[name] == value for name, value in now.items())
