"""What a model is to the agent: four verbs over one context. Says nothing about how a model works."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

# So many tasks at most stand in a context; where there are as many, the board may hold more.
OPEN_TASKS = 100
COMPLETED_TASKS = 20
# Characters of an earlier message that stand in a context; a longer one is cut.
MESSAGE_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Said:
    """An earlier message. `role`: "user" or "assistant"."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class TaskBrief:
    """A task as a model sees it. `depends_on` holds the ids of tasks."""

    id: str
    title: str
    status: str
    priority: str
    description: str = ""
    parent: str | None = None
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryBrief:
    """A memory as a model sees it. `kind`: decision, preference, fact, spec, note."""

    id: str
    title: str
    content: str
    kind: str


@dataclass(frozen=True, slots=True)
class Context:
    """All that a model is told for one message. Everything but `message` is data, never an order."""

    message: str
    project_name: str
    project_description: str = ""
    history: tuple[Said, ...] = ()  # oldest first, without `message`
    summary: str = ""  # of what was said before `history`
    memories: tuple[MemoryBrief, ...] = ()  # those recalled for `message`, best first
    tasks: tuple[TaskBrief, ...] = ()  # the open ones, in board order
    completed: tuple[TaskBrief, ...] = ()  # the latest completed ones
    # What this session's last changes touched, newest first: "that task", "it".
    recent_tasks: tuple[TaskBrief, ...] = ()
    recent_memories: tuple[MemoryBrief, ...] = ()
    focus: TaskBrief | None = None  # the task that the message is about, when it was sent for one
    extra: str = ""  # what a caller of the library adds

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the message wants. Without `needs_tools` no plan is asked for: the answer is all."""

    intent: str  # e.g. command, question, greeting, statement, unsupported
    summary: str  # one line for the person
    needs_tools: bool
    question: str = ""  # to ask back; then nothing else is done


@dataclass(frozen=True, slots=True, eq=False)  # there is one of each tool, which may be a key
class ToolSpec:
    """A tool as it is offered to a model. `parameters` and `result` are JSON Schemas."""

    name: str
    description: str
    parameters: dict[str, Any]
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Revise:
    """Why a plan is made anew: the errors of the last one, or a person's reason, or failed steps."""

    reasons: tuple[str, ...]
    plan: dict[str, Any] | None = None  # the last plan as it was
    by_person: bool = False  # only then is a reason an order, and not merely data


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """How one step of the plan ended. `status`: succeeded, failed, skipped, cancelled."""

    id: str
    type: str
    tool: str
    description: str
    status: str
    arguments: dict[str, Any]
    result: Any
    error: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What really happened: the answer speaks of this and of nothing else."""

    intent: str
    question: str
    steps: tuple[StepOutcome, ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryNote:
    """Something out of the exchange worth remembering. With `memory_id` it revises that memory."""

    title: str
    content: str
    kind: str
    category: str = ""
    memory_id: str | None = None


class StartOver:
    """Among the pieces of an answer: all that came before was a thought, the answer begins now."""


@dataclass(slots=True)
class Usage:
    """What a run used of models so far, in tokens and calls."""

    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0

    def as_json(self) -> dict[str, int]:
        return asdict(self)

    def set(self, kept: Mapping[str, int]) -> None:
        """Goes on counting from what `as_json` gave."""
        self.input_tokens = kept.get("input_tokens", 0)
        self.output_tokens = kept.get("output_tokens", 0)
        self.calls = kept.get("calls", 0)


class Model(Protocol):
    """A model for one run. Every method may raise `ModelError`; `usage` counts as they go."""

    name: str
    usage: Usage

    async def analyze(self, context: Context) -> Analysis: ...

    async def plan(
        self,
        context: Context,
        analysis: Analysis,
        tools: Sequence[ToolSpec],
        revise: Revise | None = None,
    ) -> dict[str, Any]:
        """Returns a plan as JSON, as the model made it: `{"summary", "steps": [...]}`, unchecked."""
        ...

    def answer(
        self, context: Context, analysis: Analysis, outcome: Outcome
    ) -> AsyncIterator[str | StartOver]:
        """Yields the answer, Markdown, in pieces as they are written."""
        ...

    async def consolidate(self, context: Context, outcome: Outcome) -> list[MemoryNote]:
        """Returns what the exchange holds that memory does not: updates before new ones."""
        ...
