"""The interface of a model: four methods that take a context, and one that takes data alone. No
implementation is here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import TypeAdapter

from agent.llm.writing import Watch, Writing

# The limits of tasks in a context. A context at a limit may omit tasks of the board.
OPEN_TASKS = 100
COMPLETED_TASKS = 20
# Tasks and memories that are counted. A context with this number may have more.
MAX_COUNTED = 1_000
# Characters of an earlier message that stand in a context; a longer one is cut.
MESSAGE_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class HistoryMessage:
    """An earlier message. `role`: "user" or "assistant"; `number`: of its message in the session."""

    role: str
    content: str
    at: str = ""  # e.g. 2026-03-04 09:30
    number: int | None = None


@dataclass(frozen=True, slots=True)
class TaskBrief:
    """A task as a model sees it. `id`, `parent` and `depends_on` refer to tasks by number: "#12"."""

    id: str
    title: str
    status: str
    priority: str
    description: str = ""
    parent: str | None = None
    depends_on: tuple[str, ...] = ()
    due: str | None = None  # an ISO date
    estimate: float | None = None  # hours
    labels: tuple[str, ...] = ()
    criteria: tuple[Mapping[str, Any], ...] = ()  # each with text and done
    assignee: str | None = None
    waits_for: tuple[str, ...] = ()  # the open ones of `depends_on`
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class MemoryBrief:
    """A memory as a model sees it. `kind`: decision, preference, fact, spec, note.

    `changed`: the minute of its latest change, UTC. Of two that contradict each other the newer counts.
    `score`, `words`, `beside`: why it was recalled, as of `agent.text.search_index.Hit`; no prompt has them.
    """

    id: str
    title: str
    content: str
    kind: str
    changed: str = ""  # the minute, e.g. 2026-03-04 09:30
    score: float | None = None  # None: it did not match, and is one of the latest
    words: Sequence[str] = ()
    beside: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A call of a tool that reads, which a model asks for before it plans. Not validated."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a `ReadRequest` returned before the plan: data. `title`: in words, for the person."""

    tool: str
    arguments: Mapping[str, Any]
    title: str
    result: Mapping[str, Any] | None = None
    error: str = ""  # why there is no result


@dataclass(frozen=True, slots=True)
class Context:
    """What a model gets for one message. Everything but `message` and `added` is data, never an
    instruction.
    """

    message: str
    project_name: str
    project_description: str = ""
    history: tuple[HistoryMessage, ...] = ()  # oldest first, without `message`
    summary: str = ""  # of the messages before `history`
    memories: tuple[MemoryBrief, ...] = ()  # those recalled for `message`, best first
    tasks: tuple[TaskBrief, ...] = ()  # the open ones, in board order
    completed: tuple[TaskBrief, ...] = ()  # the latest completed ones
    # What the session changed last, newest first: what "that task" or "it" refers to.
    recent_tasks: tuple[TaskBrief, ...] = ()
    recent_memories: tuple[MemoryBrief, ...] = ()
    # Those that the message names by number or by the whole title, and that are in no other part.
    named: tuple[TaskBrief, ...] = ()
    focus: TaskBrief | None = None  # the task that the message or its session is about
    extra: str = ""  # the `project_context` of a library call
    readings: tuple[Reading, ...] = ()  # what was read before the plan, in order
    reads_left: int = 0  # how many reading calls the next plan may ask for, instead of steps
    today: str = ""  # day and time, in words
    # How many tasks the board has by status, and "memories"; each at most `MAX_COUNTED`.
    counts: Mapping[str, int] = field(default_factory=dict)
    after: Context | None = None  # the same after the steps of the plan
    after_steps: bool = False  # it is from after steps of this message's plan
    author: str = ""  # the user name of who wrote the message
    people: tuple[str, ...] = ()  # the user names of the project's members
    added: tuple[str, ...] = ()  # what was sent into the run after `message`: as much a request

    def as_json(self) -> dict[str, Any]:
        values: dict[str, Any] = _context.dump_python(self)
        return values

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Context:
        """Returns the context from the value of `as_json`, also after it was stored as JSON."""
        return _context.validate_python(values)


# Not `asdict`, which takes milliseconds for a full board.
_context = TypeAdapter(Context)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the message asks for. Without `needs_tools` the model makes no plan and only answers."""

    intent: str  # e.g. command, question, greeting, statement, unsupported
    summary: str  # one line for the user
    needs_tools: bool
    question: str = ""  # a question to the user, asked instead of executing anything
    search: str = ""  # words to look for in the memory, beside those of the message
    # Whether the person tells something worth remembering; None when the model does not say.
    tells: bool | None = None
    read_first: tuple[ReadRequest, ...] = ()  # what has to be read before the plan


@dataclass(frozen=True, slots=True, eq=False)  # one instance per tool, hashed by identity
class ToolSpec:
    """A tool as a model sees it. `parameters` and `result` are JSON Schemas."""

    name: str
    description: str
    parameters: dict[str, Any]
    result: dict[str, Any]
    reads: bool = False  # it only reads, and may be called before the plan


@dataclass(frozen=True, slots=True)
class Revise:
    """Why the model has to plan again: errors of the last plan, failed steps, or a user's reason."""

    reasons: tuple[str, ...]
    plan: dict[str, Any] | None = None  # the last plan
    by_person: bool = False  # the reason is a user's instruction, not data
    # What was sent into the run since the last plan, which is to be kept as far as this allows.
    added: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Composition:
    """What a step of a plan has the model write, out of `inputs` and nothing else.

    `inputs`: data, JSON values by name. `schema`: the JSON Schema of an object whose only field is
    `value`. `check`: returns the errors of a value, phrased for a model; none if it is valid.
    """

    instruction: str
    inputs: Mapping[str, Any]
    schema: dict[str, Any]
    check: Callable[[Any], list[str]]


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
    """What really happened. The answer reports this and nothing else."""

    intent: str
    question: str
    steps: tuple[StepOutcome, ...] = ()
    assumptions: tuple[str, ...] = ()  # of the plan
    questions: tuple[str, ...] = ()  # that stand behind the answer


@dataclass(frozen=True, slots=True)
class MemoryNote:
    """A fact of the exchange to be remembered. With `memory_id` it updates that memory."""

    title: str
    content: str
    kind: str
    category: str = ""
    memory_id: str | None = None


class StartOver:
    """A mark between the chunks of an answer: all before it was reasoning, the answer begins here."""


@dataclass(slots=True)
class Usage:
    """What a run has used of its model so far, in tokens and calls.

    `unsaved`: the ended calls that the run's recorder has not saved yet, if they are kept. `before_call`:
    awaited before each request to a model's server; it raises an error for one that must not be sent.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0
    unsaved: list[Writing] = field(default_factory=list)
    before_call: Callable[[], Awaitable[None]] | None = None

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def as_json(self) -> dict[str, int]:
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "calls": self.calls,
        }

    def set(self, kept: Mapping[str, int]) -> None:
        """Sets the counts to `kept`, which `as_json` returned."""
        self.input_tokens = kept.get("input_tokens", 0)
        self.output_tokens = kept.get("output_tokens", 0)
        self.calls = kept.get("calls", 0)


class Model(Protocol):
    """A model for one run. Every method may raise `ModelError` and adds to `usage`.

    By a method's name, of its last prompt: `left_out` has what it did not contain for lack of room, as a
    sentence for the person; `shown` the context as the prompt had it, if the model was not shown all of
    it. Their readers remove them. `watch` is told how far each call is, by a model that knows.
    """

    name: str
    usage: Usage
    left_out: dict[str, str]
    watch: Watch | None
    shown: dict[str, Mapping[str, Any]]

    async def analyze(self, context: Context, tools: Sequence[ToolSpec] = ()) -> Analysis:
        """`tools`: those that the plan may use. Without them nothing can be read before the plan."""
        ...

    async def plan(
        self,
        context: Context,
        analysis: Analysis,
        tools: Sequence[ToolSpec],
        revise: Revise | None = None,
    ) -> dict[str, Any]:
        """Returns the plan as JSON, not validated: `{"summary": ..., "steps": [...]}`.

        Instead of steps it may have `read_first`: a list of `{"tool": ..., "arguments": ...}`, at most
        `context.reads_left`. Then it is asked again, with the readings in the context. It may have
        `declined`: why it was made without what was sent into the run, which a plan can't be made with.
        """
        ...

    async def compose(self, composition: Composition) -> Any:
        """Returns the value of a step of type compose. The caller checks it once more."""
        ...

    def answer(
        self, context: Context, analysis: Analysis, outcome: Outcome
    ) -> AsyncIterator[str | StartOver]:
        """Yields the answer, Markdown, in chunks."""
        ...

    async def consolidate(self, context: Context, outcome: Outcome) -> list[MemoryNote]:
        """Returns what the memory does not hold yet: updates of memories before new ones."""
        ...
