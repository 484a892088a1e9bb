"""What the model writes at the moment, as the page shows it: plain values for the templates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# The steps of progress during which a draft is shown, where they are more than its own: the draft of a
# plan stays until the plan is validated.
DRAFT_STEPS = {"planning": ("planning", "validation")}
DRAFTS_OF_ANSWER = ("completion", "memory")


@dataclass(frozen=True, slots=True)
class DraftStep:
    """A step of a plan that the model still writes."""

    number: int
    tool: str
    description: str
    given: list[list[str]]  # name and text of each argument


@dataclass(frozen=True, slots=True)
class Draft:
    """What the model writes at the moment: texts, none of them checked."""

    message: str
    details: str
    started_at: str
    title: str  # of the thoughts
    thoughts: str
    thinking_since: str
    summary: str
    steps: list[DraftStep]

    @property
    def is_written(self) -> bool:
        return bool(self.summary or self.steps)


def shown_draft(fields: dict[str, Any]) -> Draft:
    """`fields`: of the frame of a draft."""
    text = fields["text"]
    return Draft(
        message=text["message"],
        details=text["details"],
        started_at=fields["started_at"],
        title=text["thoughts"],
        thoughts=fields["thoughts"],
        thinking_since="" if fields["wrote_at"] else fields["thought_at"] or "",
        summary=fields["summary"],
        steps=[
            DraftStep(number, step["tool"], step["description"], written["arguments"])
            for number, (step, written) in enumerate(
                zip(fields["steps"], text["steps"], strict=True), 1
            )
        ],
    )
