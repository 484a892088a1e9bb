"""A plan made anew: without what a person takes from it, with what they add, or one that only answers."""

from __future__ import annotations

import re
from typing import Any

from agent.llm.base import Context, Revise
from agent.llm.offline.drafting import draft
from agent.llm.offline.steps import answer_step

SAY = "Say: "  # begins the description of a step that holds what the answer tells
NO_BETTER_PLAN = (
    "I could make no better plan, so nothing more was changed. Please say it in other words."
)
_READ = 500  # characters of a reason
_WITHOUT = re.compile(
    r"(?:but |just |do it |the same |everything )*(?:without|not|no|skip|leave out|omit|except"
    r"|don['’]t|do not)(?: (?:create|add|delete|remove|mark|do))? (?P<what>.+)",
    re.I,
)
_COMMAS = re.compile(r",? and |, ")


def revised(context: Context, revise: Revise) -> dict[str, Any]:
    """Returns the plan that the reasons ask for.

    Only a person's are orders. Errors and failed steps the same plan would meet again.
    """
    before = draft(context).made.steps
    steps = before
    if revise.by_person:
        reasons = [" ".join(reason[:_READ].split()).rstrip(" .!") for reason in revise.reasons]
        taken = [match for reason in reasons if (match := _WITHOUT.fullmatch(reason))]
        names = tuple(name for match in taken for name in _COMMAS.split(match["what"]))
        added = " ".join(f"{reason}." for reason in reasons if not _WITHOUT.fullmatch(reason))
        steps = draft(context, added, names).made.steps
    if steps and steps != before:
        return {"summary": "; ".join(step["description"] for step in steps[:3]), "steps": steps}
    return {"summary": "", "steps": [answer_step("s1", SAY + _why(revise))]}


def _why(revise: Revise) -> str:
    """Returns what is said when there is no other plan; errors tell which object is missing."""
    missing = [reason.partition(": There is no ")[2] for reason in revise.reasons]
    told = [f"There is no {text}" for text in missing if text and not revise.by_person]
    return " ".join([NO_BETTER_PLAN, *told[:3]])
