"""The texts about the effects of a plan, for the person who decides on it: what it would change.

Plain text from plain values, as in `texts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from agent.event_log.payloads import EffectChange, StepEffect
from agent.event_log.texts import FIELDS, changed_fields, field_text, inner
from agent.event_log.value_texts import facts, value_text
from agent.support.counts import count
from agent.support.words import isolated, marked

WOULD = {
    "created": "Create",
    "updated": "Change",
    "deleted": "Delete",
    "restored": "Restore",
}
DOES = {
    "created": "creates",
    "updated": "changes",
    "deleted": "deletes",
    "restored": "restores",
}
DIFFERS = "Differs from what was approved"
ONLY_READS = "Only reads."  # a note on a step
# Characters of arguments that stand in one line with the name of their tool.
MAX_LINE = 100


def waiting(steps: Sequence[StepEffect], what: str = "Waiting for your approval") -> str:
    """Returns e.g. "Waiting for your approval: deletes 3 tasks, creates 1 memory"."""
    changes = Counter((one["action"], one["object"]) for step in steps for one in step["changes"])
    parts = [
        f"{DOES[action]} {count(number, noun, _plural(noun))}"
        for (action, noun), number in changes.items()
    ]
    if parts and any(step["note"] not in ("", ONLY_READS) for step in steps):
        parts.append("and more")
    return ": ".join([what, *([", ".join(parts)] if parts else [])])


def _plural(noun: str) -> str:
    return "memories" if noun == "memory" else f"{noun}s"


def effects(steps: Sequence[StepEffect]) -> list[dict[str, Any]]:
    """Returns each change that a plan would make, deletions first. `action` is "unknown" where `text` says
    what is called, and why more is not known.
    """
    found = [one for step in steps for one in _effects_of(step)]
    return sorted(found, key=lambda one: one["action"] != "deleted")


def _effects_of(step: StepEffect) -> list[dict[str, Any]]:
    known = [
        {
            "step": step["step"],
            "action": change["action"],
            "text": f"{WOULD[change['action']]} {_existing(change)}",
            "fields": _differences(change),
            "mark": DIFFERS if change.get("differs") else "",
        }
        for change in step["changes"]
    ]
    given = facts(step.get("arguments"), step.get("sources", {}))
    line = ", ".join(f"{name} = {isolated(marked(text))}" for name, text in given)
    is_line = "tool" in step and len(line) <= MAX_LINE and "\n" not in line
    text = _call(step, line if is_line else "")
    fields = [] if is_line else [_field(name, "", text) for name, text in given]
    note = {"step": step["step"], "action": "unknown", "text": text, "fields": fields, "mark": ""}
    return [*known, note] if text else known


def _call(step: StepEffect, arguments: str) -> str:
    """Returns e.g. "Runs check_site with what = p1; only reads"."""
    why = step["note"]
    if "tool" not in step:  # an older event has none
        return why or ("Will be called with:" if step.get("arguments") else "")
    call = f"Runs {step['tool']}" + (f" with {arguments}" if arguments else "")
    return f"{call}; {inner(why)}" if why else call


def _existing(change: EffectChange) -> str:
    """Returns which object it is, also among several with one title: "task #12 “Booking”"."""
    number = f" #{change['number']}" if "number" in change else ""
    about = f" ({isolated(change['about'])})" if change.get("about") else ""
    return f"{change['object']}{number} “{isolated(change['title'])}”{about}"


def _differences(change: EffectChange) -> list[list[str]]:
    """Returns each field that a step would set, change or delete: its name, old and new text, and where
    they are long, how long. The page then folds them.
    """
    before, after = change["before"] or {}, change["after"] or {}
    links = change.get("links", {})
    match change["action"]:
        case "updated":
            names = changed_fields(before, after)
        case "created":
            names = [name for name in FIELDS if name not in _TOLD and _is_set(name, after, links)]
        case "deleted":
            names = [name for name in _CONTENTS if before.get(name) and not _is_told(change, name)]
        case _:
            names = []
    sides = {name: _sides(name, before.get(name), after.get(name), links) for name in names}
    return [
        _field(FIELDS[name], old if change["before"] else "", new if change["after"] else "")
        for name, (old, new) in sides.items()
    ]


# Told by the line of an effect, or by its place in the list.
_TOLD = ("title", "kind", "position")
_CONTENTS = ("description", "content")
_USUAL = {"status": "pending", "priority": "medium"}
_LONG = 240  # characters


def _is_set(name: str, after: Mapping[str, Any], links: Mapping[str, str]) -> bool:
    value = after.get(name)
    is_known = bool(links) or name not in ("parent", "depends_on")
    return value not in (None, "", [], _USUAL.get(name, "")) and is_known


def _is_told(change: EffectChange, name: str) -> bool:
    """Tells whether the line of the effect has all of a memory's content."""
    return name == "content" and not change.get("about", "…").endswith("…")


def _field(name: str, before: str, after: str) -> list[str]:
    is_long = len(before) + len(after) > _LONG
    length = [f"{len(after or before):,} characters"] if is_long else []
    return [name, marked(before), marked(after), *length]


def _sides(name: str, before: Any, after: Any, links: Mapping[str, str]) -> tuple[str, str]:
    # A position is a number that is of no use to a person; an older event has no names of tasks.
    if name == "position" or (name in ("parent", "depends_on") and not links):
        return "", "changed"
    to_text = partial(_linked, links) if name in ("parent", "depends_on") else field_text
    return to_text(before), to_text(after)


def _linked(links: Mapping[str, str], value: Any) -> str:
    keys = [value] if isinstance(value, str) else value or []
    return value_text([links.get(key, "another task") for key in keys], {})
