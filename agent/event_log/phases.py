"""The steps that progress events are about: the phases of a run, and those that others register."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.event_log.texts import without_emoji

# Characters of an icon: an emoji of a family is a sequence of seven.
_MAX_ICON = 8


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

# The colours that a progress step may have: custom properties of static/chat/tokens.css.
COLORS = ("accent", "ok", "warn", "bad", *(f"phase-{phase}" for phase in Phase))


@dataclass(frozen=True, slots=True)
class StepKind:
    """A registered progress step: how readers show it."""

    name: str
    label: str  # what is told of it when its report has no message
    icon: str  # an emoji; "" for none
    color: str  # one of `COLORS`; "" for none
    order: int  # among the sub-steps of one step: the lowest first


LAST = 1_000_000  # the order of a sub-step that no package registers any more


_kinds: dict[str, StepKind] = {}


def progress_step(
    name: str, *, label: str = "", icon: str = "", color: str = "", order: int = 100
) -> str:
    """Registers a custom progress step, which progress events may have as their `step`. Returns its name.

    Registering it again in the same way does nothing. Raises ValueError that names what is wrong.
    """
    if not name.isidentifier() or name != name.lower():
        raise ValueError(f"a progress step is named in lower case letters and _, not {name!r}")
    if name in (*Phase, "error"):
        raise ValueError(f"the progress step {name!r} is one of the run's own")
    if icon and (len(icon) > _MAX_ICON or without_emoji(f"{icon} x") != "x"):
        raise ValueError(f"the icon of the progress step {name!r} must be one emoji, not {icon!r}")
    if color and color not in COLORS:
        known = ", ".join(COLORS)
        raise ValueError(
            f"the color of the progress step {name!r} is {color!r}, not one of {known}"
        )
    kind = StepKind(name, label or name.replace("_", " ").capitalize(), icon, color, order)
    if _kinds.setdefault(name, kind) != kind:
        raise ValueError(f"a progress step {name!r} is registered already, in another way")
    return name


def kind_of(step: str) -> StepKind | None:
    """Returns the custom progress step; None for one that no package registers any more."""
    return _kinds.get(step)


def kinds() -> Iterable[StepKind]:
    return _kinds.values()


def remove_step(name: str) -> None:
    del _kinds[name]


READING = progress_step("reading", icon="🔎", color="phase-context")
REPLANNING = progress_step("replanning", icon="🔁", color="phase-planning")  # within the execution
RESUMED = progress_step("resumed")
RETRY = progress_step("retry", label="Waiting to retry", icon="🔁", color="accent")

# Between the name of a progress step and the id of a part of it, in the row of its result.
PART = ":"


def is_part(name: str) -> bool:
    """Tells whether the row of a result with this name is of a part of a phase."""
    return PART in name


# Made once: each event of progress asks, and listing an enum takes as long as writing its frame.
_BUILT_IN = frozenset((*Phase, "error"))


def is_known(step: str) -> bool:
    return step in _kinds or step in _BUILT_IN
