"""The steps that progress events are about: the phases of a run, and those that others register."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Phase(StrEnum):
    """The stages of a run, in order; each is the `step` of its progress events."""

    START = "start"
    CONTEXT = "context"
    ANALYZING = "analyzing"
    PLANNING = "planning"
    VALIDATION = "validation"
    EXECUTION = "execution"
    MEMORY = "memory"
    COMPLETION = "completion"


# What a phase says when it starts.
STARTED: Mapping[Phase, str] = {
    Phase.START: "🧠 Starting to process your request...",
    Phase.CONTEXT: "📚 Gathering conversation context...",
    Phase.ANALYZING: "🧠 Analyzing your request...",
    Phase.PLANNING: "📋 Creating execution plan...",
    Phase.VALIDATION: "✅ Validating plan...",
    Phase.EXECUTION: "⚙️ Executing plan...",
    Phase.MEMORY: "💾 Updating memory...",
    Phase.COMPLETION: "💬 Writing the answer...",
}

_steps: set[str] = {*Phase, "error"}


def register_step(name: str) -> str:
    """Allows `name` as the `step` of progress events: a custom progress step. Returns it."""
    if not name.isidentifier() or name != name.lower():
        raise ValueError(f"a progress step is named in lower case letters and _, not {name!r}")
    _steps.add(name)
    return name


# Between the name of a progress step and the id of a part of it, in the row of its result.
PART = ":"


def is_part(name: str) -> bool:
    """Tells whether the row of a result with this name is of a part of a phase."""
    return PART in name


def is_known(step: str) -> bool:
    return step in _steps
