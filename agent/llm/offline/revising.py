"""A plan made anew: with what a person takes from it or adds to it, or one that only answers."""

from __future__ import annotations

import copy
import re
from typing import Any

from agent.llm.base import Context, Revise
from agent.llm.offline.drafting import draft
from agent.llm.offline.names import accounts_for
from agent.llm.offline.reading import read
from agent.llm.offline.steps import answer_step
from agent.plan import placeholders
from agent.text.words import stems

SAY = "Say: "  # begins the description of a step that holds what the answer tells
NO_BETTER_PLAN = (
    "I could make no better plan, so nothing more was changed. Please say it in other words."
)
_READ = 500  # characters of a reason
_WITHOUT = re.compile(
    r"(?:but |just |do it |the same |same |everything )*(?:without|not|no|skip|leave out|leave "
    r"away|omit|except|don['’]t|do not)"
    r"(?: (?:create|add|delete|remove|mark|do|the step))? (?P<what>.+)",
    re.I,
)
_NUMBERED = re.compile(r"(?:the )?(?:step )?(?P<number>\d{1,2})(?:st|nd|rd|th)?(?: step)?", re.I)
_COMMAS = re.compile(r",? and |, ")

Steps = list[dict[str, Any]]


def revised(context: Context, revise: Revise) -> dict[str, Any]:
    """Returns the plan that the reasons ask for.

    Only a person's are orders. Errors and failed steps the same plan would meet again.
    """
    steps = draft(context).made.steps
    understood = False
    for reason in revise.reasons if revise.by_person else ():
        left = without(reason, steps)
        left = _with(context, reason, steps) if left is None else left
        if left is not None:
            steps, understood = left, True
    if understood and steps:
        return {"summary": "; ".join(step["description"] for step in steps[:3]), "steps": steps}
    return {"summary": "", "steps": [answer_step("s1", SAY + _why(revise))]}


def _why(revise: Revise) -> str:
    """Returns what is said when there is no other plan; why a plan can't be carried out is told."""
    missing = [reason.partition(": There is no ")[2] for reason in revise.reasons]
    told = [f"There is no {text}" for text in missing if text and not revise.by_person]
    return " ".join([NO_BETTER_PLAN, *told[:3]])


def _with(context: Context, reason: str, steps: Steps) -> Steps | None:
    """Returns the plan with `reason` as one more command, when it is one from start to end."""
    reading = read(reason)
    if reading.unread or reading.too_long or not reading.clauses:
        return None
    made = draft(context, reason).made
    return made.steps if len(made.steps) > len(steps) else None


def without(reason: str, steps: Steps) -> Steps | None:
    """Returns `steps` without what `reason` names; None when it takes nothing away."""
    match = _WITHOUT.fullmatch(" ".join(reason[:_READ].split()).rstrip(" .!"))
    if match is None:
        return None
    names = _COMMAS.split(match["what"])
    left: Steps = []
    gone: set[str] = set()
    changed = False
    for number, step in enumerate(copy.deepcopy(steps), start=1):
        if step["tool"] == "create_tasks":
            changed = _drop_items(step, names) or changed
            is_gone = not step["arguments"]["tasks"]
        else:
            is_gone = any(_means(name, number, step) for name in names)
        if is_gone:
            gone.add(step["id"])
        else:
            left.append(step)
    return _closed(left, gone) if gone or changed else None


def _means(name: str, number: int, step: dict[str, Any]) -> bool:
    if numbered := _NUMBERED.fullmatch(name):
        return int(numbered["number"]) == number
    return _fits(name, step["description"])


def _fits(name: str, text: str) -> bool:
    return bool(stems(name)) and accounts_for(name, text)


def _drop_items(step: dict[str, Any], names: list[str]) -> bool:
    """Takes the named items out of a list of tasks and counts the others anew."""
    items = step["arguments"]["tasks"]
    keep = [
        index
        for index, item in enumerate(items)
        if not any(_fits(name, item["title"]) for name in names)
    ]
    place = {old: new for new, old in enumerate(keep)}
    for item in items:
        if "after" in item:
            item["after"] = [place[index] for index in item["after"] if index in place]
    step["arguments"]["tasks"] = [items[index] for index in keep]
    step["description"] = f"Create {len(keep)} task{'s' if len(keep) != 1 else ''}"
    return len(keep) < len(items)


def _closed(steps: Steps, gone: set[str]) -> Steps:
    """Returns `steps` without those that need a result of what is gone."""
    while True:
        orphans = {step["id"] for step in steps if _needs(step, gone)}
        if not orphans:
            break
        gone |= orphans
        steps = [step for step in steps if step["id"] not in orphans]
    for step in steps:
        step["depends_on"] = [before for before in step["depends_on"] if before not in gone]
    return steps


def _needs(step: dict[str, Any], gone: set[str]) -> bool:
    return any(found.step in gone for _, found in placeholders(step["arguments"]))
