"""The model of an OpenAI-compatible server: renders prompts, returns validated values."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, fields
from functools import cache
from typing import Annotated, Any, Literal

from django.conf import settings
from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

from agent.llm import schema_texts, schemas
from agent.llm.base import (
    Analysis,
    Composition,
    Context,
    MemoryNote,
    Outcome,
    ReadRequest,
    Revise,
    StartOver,
    TaskBrief,
    ToolSpec,
    Usage,
)
from agent.llm.client import ModelClient
from agent.llm.errors import Server
from agent.llm.fitting import Prompt
from agent.llm.prompts import MAX_PLAN, compact
from agent.llm.reading import parse
from agent.llm.structured_output import Mismatch, Question
from agent.llm.writing import Watch
from agent.plan import StepType
from agent.shorten import shorten

OFFICIAL = "https://api.openai.com/v1"
MAX_TITLE = 200
_NOTHING = (None, "", "none", "null", "n/a", "no", "nothing", "no question", "empty", "-")


def _empty_for_null(value: Any) -> Any:
    return "" if value is None else value


def _question(value: Any) -> Any:
    """Small models fill the field with a word when there is nothing to ask."""
    return "" if _is_nothing(value) else value


def _is_nothing(value: Any) -> bool:
    said = value.strip().strip(".").lower() if isinstance(value, str) else value
    return said in _NOTHING


def _list(value: Any) -> Any:
    """Small models also write a word for an empty list, and a single item without its list."""
    if isinstance(value, list):
        return value
    return [] if _is_nothing(value) else [value]


def _object(value: Any) -> Any:
    """Accepts arguments as a JSON text too, and null for none."""
    if isinstance(value, str):
        return parse(value) if value.strip() else {}
    return {} if value is None else value


Line = Annotated[str, BeforeValidator(_empty_for_null), StringConstraints(strip_whitespace=True)]
Filled = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


class _Read(_Shape):
    tool: Filled
    arguments: Annotated[dict[str, Any], BeforeValidator(_object)] = {}


Reads = Annotated[list[_Read], BeforeValidator(_list)]


class _Analysis(_Shape):
    read_first: Reads = []
    intent: Filled
    summary: Line
    needs_tools: bool
    question: Annotated[Line, BeforeValidator(_question)] = ""
    search: Line = ""
    tells: bool | None = None


class _Step(_Shape):
    id: Filled
    type: Filled
    tool: str | None = None
    description: Line = ""
    arguments: Annotated[dict[str, Any], BeforeValidator(_object)] = {}
    depends_on: Annotated[list[str], BeforeValidator(_list)] = []


class _Plan(_Shape):
    read_first: Reads = []
    summary: Line = ""
    steps: list[_Step]
    assumptions: Annotated[list[Any], BeforeValidator(_list)] = []
    questions: Annotated[list[Any], BeforeValidator(_list)] = []


class _Note(_Shape):
    memory_id: str | None = None
    title: Filled
    content: Filled
    kind: Literal["decision", "preference", "fact", "spec", "note"]
    category: Line = ""


class _Notes(_Shape):
    notes: list[_Note]


class _Composed(_Shape):
    value: Any


class OpenAIModel:
    """One run's model."""

    def __init__(self) -> None:
        self.name: str = settings.SAMURAI_MODEL
        self.usage = Usage()
        server = Server(
            settings.OPENAI_BASE_URL or OFFICIAL, settings.SAMURAI_MODEL, settings.OPENAI_API_KEY
        )
        self._client = ModelClient(
            server,
            settings.SAMURAI_MODEL_TIMEOUT,
            settings.SAMURAI_MODEL_CONTEXT,
            self.usage,
            keeps=settings.SAMURAI_KEEP_PROMPTS_DAYS > 0,
        )
        self.left_out = self._client.left_out
        self.shown = self._client.shown

    @property
    def watch(self) -> Watch | None:
        return self._client.watch

    @watch.setter
    def watch(self, watch: Watch | None) -> None:
        self._client.watch = watch

    async def analyze(self, context: Context, tools: Sequence[ToolSpec] = ()) -> Analysis:
        schema, strict = schemas.analysis_schema(tools)
        values = {
            "tools": [tool.name for tool in tools],
            "readers": [_as_text(tool) for tool in tools if tool.reads],
            "task_fields": [field.name for field in fields(TaskBrief) if field.name != "id"],
        }
        prompt, shown = Prompt("analyze", context, values), schemas.analysis_shown(tools)
        question = Question("analysis", schema, prompt, strict, shown)
        answer = (await self._client.structured(question, _Analysis.model_validate)).model_dump()
        requests = _reading(answer.pop("read_first"), tools)
        return Analysis(**answer, read_first=tuple(ReadRequest(**item) for item in requests))

    async def plan(
        self,
        context: Context,
        analysis: Analysis,
        tools: Sequence[ToolSpec],
        revise: Revise | None = None,
    ) -> dict[str, Any]:
        may_read = context.reads_left > 0
        schema, strict = schemas.plan_schema(tools, may_read=may_read)
        values = {
            "may_read": may_read,
            "tools": [_as_text(tool) for tool in tools],
            "analysis": asdict(analysis),
            "revise": None if revise is None else asdict(revise),
            "last_plan": ""
            if revise is None or revise.plan is None
            else compact(revise.plan, MAX_PLAN),
        }
        prompt = Prompt("plan", context, values)
        shown = schemas.plan_shown(tools, may_read=may_read)
        question = Question("plan", schema, prompt, strict, shown)
        plan = await self._client.structured(question, _Plan.model_validate)
        return _without_nulls(plan.model_dump(), tools)

    async def compose(self, composition: Composition) -> Any:
        schema, strict = schemas.composed(composition.schema)
        inputs = [
            {"name": name, "text": _input_text(value)} for name, value in composition.inputs.items()
        ]
        values = {"inputs": inputs, "form": schema_texts.signature(composition.schema)}
        prompt = Prompt("compose", Context(composition.instruction, ""), values, turn="inputs")
        question = Question("composition", schema, prompt, strict)

        def validate(answer: dict[str, Any]) -> Any:
            given = _Composed.model_validate(answer).model_dump()
            value = schemas.without_nulls(given, composition.schema)["value"]
            if errors := composition.check(value):
                raise Mismatch(errors)
            return value

        return await self._client.structured(question, validate)

    def answer(
        self, context: Context, analysis: Analysis, outcome: Outcome
    ) -> AsyncIterator[str | StartOver]:
        values = {"analysis": asdict(analysis), "outcome": _compacted(outcome)}
        return self._client.stream(Prompt("answer", context.after or context, values))

    async def consolidate(self, context: Context, outcome: Outcome) -> list[MemoryNote]:
        context = context.after or context
        prompt = Prompt("consolidate", context, {"outcome": _compacted(outcome)})
        question = Question("memory", schemas.MEMORY, prompt)
        answer = await self._client.structured(question, _Notes.model_validate)
        known = {memory.id for memory in (*context.memories, *context.recent_memories)}
        return [_note(note, known) for note in answer.notes]


def _input_text(value: Any) -> str:
    """Returns an input of a composition as a prompt has it: a text as it is, other values as JSON, with
    an item of a list per line.
    """
    if isinstance(value, str):
        return value
    items = value if isinstance(value, list) else [value]
    return "\n".join(json.dumps(item, ensure_ascii=False) for item in items)


@cache  # every prompt of a plan lists all tools
def _as_text(tool: ToolSpec) -> dict[str, str]:
    """Returns a tool as a prompt has it; the texts of `brief_…` are for prompts with little room."""
    description = " ".join(tool.description.split())
    return {
        "name": tool.name,
        "description": description,
        "arguments": schema_texts.signature(tool.parameters),
        "result": schema_texts.outline(tool.result),
        "brief_description": description.partition(". ")[0],
        "brief_arguments": schema_texts.outline(tool.parameters, values=True),
    }


def _compacted(outcome: Outcome) -> dict[str, Any]:
    """Returns the outcome with each step's arguments and result as one line of JSON."""
    values = asdict(outcome)
    for step in values["steps"]:
        step["arguments"] = compact(step["arguments"])
        step["result"] = "" if step["result"] is None else compact(step["result"])
    return values


def _without_nulls(plan: dict[str, Any], tools: Sequence[ToolSpec]) -> dict[str, Any]:
    """Removes what only the strict schema made the model write: nulls for omitted arguments, and inputs
    as a list.
    """
    by_name = {tool.name: tool for tool in tools}
    for step in plan["steps"]:
        step["tool"] = step["tool"] or None
        if step["type"] == StepType.COMPOSE:
            step["arguments"] = schemas.named_inputs(step["arguments"])
        elif step["tool"] in by_name:
            tool = by_name[step["tool"]]
            step["arguments"] = schemas.without_nulls(step["arguments"], tool.parameters)
    for name in ("assumptions", "questions"):
        if not plan[name]:
            del plan[name]
    if requests := _reading(plan.pop("read_first"), tools):
        plan["read_first"] = requests
    return plan


def _reading(requests: list[dict[str, Any]], tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """Returns the requests without the nulls of omitted arguments."""
    parameters = {tool.name: tool.parameters for tool in tools}
    return [
        {
            "tool": item["tool"],
            "arguments": schemas.without_nulls(item["arguments"], parameters.get(item["tool"], {})),
        }
        for item in requests
    ]


def _note(note: _Note, known: set[str]) -> MemoryNote:
    """Returns the note, as a new one when its id is none that the model was shown."""
    memory_id = note.memory_id if note.memory_id in known else None
    return MemoryNote(
        shorten(note.title, MAX_TITLE), note.content, note.kind, note.category, memory_id
    )
