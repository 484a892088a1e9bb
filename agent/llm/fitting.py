"""Makes a prompt fit a model's window: leaves out parts of its data in a fixed order.

The order is in `_reduce` and in docs/models.md. The message and the instructions are never shortened.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from agent.llm.base import MAX_COUNTED, Context
from agent.llm.prompts import render
from agent.llm.readings import LONG, as_text, texts
from agent.llm.tokens import estimate
from agent.shorten import cut

Turn = dict[str, str]  # role and content

OF_TURN = 6  # tokens of a chat template for each turn
# Characters of a task's description that a prompt shows, and of the task that the message is about.
MAX_DESCRIPTION, MAX_FOCUS = 500, 20_000
# The parts of a context that hold tasks.
TASKS = ("tasks", "completed", "recent_tasks", "named")
MEMORIES_IN = ("memories", "recent_memories")
OPEN_STATUSES = ("pending", "in_progress", "blocked")

# What may be left out: the words for one and for several.
OLDER = "1 older message", "{} older messages"
ENDS_OF_OLDER = "the end of 1 older message", "the ends of {} older messages"
COMPLETED = "1 completed task", "{} completed tasks"
MEMORIES = "1 memory", "{} memories"
DESCRIPTIONS = "the description of 1 task", "the descriptions of {} tasks"
OPEN = "1 open task", "{} open tasks"
NAMED_TASKS = "1 task that the message names", "{} tasks that the message names"
RECENT_TASKS = "1 recently changed task", "{} recently changed tasks"
RECENT_MEMORIES = "1 recently changed memory", "{} recently changed memories"
READINGS = "1 text that was read", "{} texts that were read"
INPUTS = "the end of 1 input", "the ends of {} inputs"
RESULTS = "part of 1 result", "parts of {} results"
PROJECT = "the project's description", "{} texts about the project"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent for one call. `verb` names the instructions; `values`: more data beside `context`.

    `form`: the description of the answer's form, after the instructions. `added`: the turns after the
    message, for the repair of an invalid answer. `turn`: the template of the message and its data.
    """

    verb: str
    context: Context
    values: Mapping[str, Any]
    form: str = ""
    added: tuple[Turn, ...] = ()
    turn: str = "context"


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt as it is sent. `tokens`: estimated; `left_out`: what is not in it, as a list in words;
    `context`: the context that it has, with the texts as they are cut.
    """

    turns: list[Turn]
    tokens: int
    left_out: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)


def fit(prompt: Prompt, room: int | None) -> Fitted:
    """Returns the turns of `prompt`, without what does not fit into `room` estimated tokens.

    If the message and the instructions alone are longer, only they are returned. Takes milliseconds,
    tens of them when much is left out.
    """
    parts = _Parts(prompt)
    fitted = parts.rendered()
    while room is not None and fitted.tokens > room and parts.free(fitted.tokens - room):
        fitted = parts.rendered()
    return fitted


class _Parts:
    """The data of a prompt, which can be reduced."""

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt
        self.context = replace(prompt.context, after=None).as_json()
        self.values: dict[str, Any] = deepcopy(dict(prompt.values))
        self.added = [dict(turn) for turn in prompt.added]
        self._excess = 0
        self._left_out: dict[tuple[str, str], int] = {}  # how many of each kind
        # The kinds of the shortened texts, by their holder's id and their name, and the whole texts.
        self._shortened: dict[tuple[int, str], tuple[str, str]] = {}
        self._whole: dict[tuple[int, str], str] = {}
        for task in (task for name in TASKS for task in self.context[name]):
            self._shorten(task, "description", MAX_DESCRIPTION)
        if self.context["focus"]:
            self._shorten(self.context["focus"], "description", MAX_FOCUS)

    def rendered(self) -> Fitted:
        left_out = ", ".join(
            one if number == 1 else many.format(number)
            for (one, many), number in self._left_out.items()
            if number
        )
        system = render(self.prompt.verb, self.values)
        context = _each_once(self.context)
        values = {**self.values, "context": context, "left_out": left_out}
        values["shown"] = _shown(context)
        values["when"] = _when(self.prompt)
        values["readings"] = [as_text(reading) for reading in context["readings"]]
        turns = [
            {"role": "system", "content": "\n\n".join(filter(None, (system, self.prompt.form)))},
            {"role": "user", "content": render(self.prompt.turn, values)},
            *self.added,
        ]
        tokens = sum(estimate(turn["content"]) + OF_TURN for turn in turns)
        return Fitted(turns, tokens, left_out, context)

    def free(self, tokens: int) -> bool:
        """Frees about so many tokens, if possible; returns whether anything was left out."""
        self._excess = tokens
        self._reduce()
        return self._excess < tokens

    def _reduce(self) -> None:
        """Leaves parts out in the fixed order, until enough is freed."""
        context = self.context
        self._drop("history", OLDER, keep=4, place=0)
        self._drop("completed", COMPLETED)
        self._drop("memories", MEMORIES, keep=4)
        self._cut_all(context["history"], "content", ENDS_OF_OLDER, 1_000)
        self._cut_all(reversed(context["tasks"]), "description", DESCRIPTIONS, 100)
        self._drop("tasks", OPEN, keep=20)
        self._drop("recent_tasks", RECENT_TASKS, keep=3)
        self._drop("recent_memories", RECENT_MEMORIES, keep=3)
        self._cut_inputs(20_000)
        self._cut_tools()
        self._cut_results(500)
        self._cut_readings(2_000)
        self._drop("history", OLDER, place=0)
        self._drop("memories", MEMORIES)
        self._drop("tasks", OPEN)
        self._drop("recent_tasks", RECENT_TASKS)
        self._drop("recent_memories", RECENT_MEMORIES)
        self._drop("named", NAMED_TASKS)
        self._cut_results(100)
        self._cut_inputs(5_000)
        self._cut_inputs(1_000)
        self._cut_readings(LONG)
        self._drop("readings", READINGS)
        for name in ("summary", "extra", "project_description"):
            self._cut(context, name, PROJECT, 0)
        self._cut_all(filter(None, [context["focus"]]), "description", DESCRIPTIONS, 0)

    def _drop(self, name: str, kind: tuple[str, str], keep: int = 0, place: int = -1) -> None:
        """Leaves out items of a list of the context, from its end, or its start if `place` is 0."""
        items = self.context[name] = list(self.context[name])
        while self._excess > 0 and len(items) > keep:
            item = items.pop(place)
            self._excess -= _tokens_of(item)
            self._count(kind)
            for text in item:  # it is left out as a whole now
                self._whole.pop((id(item), text), None)
                if shortened := self._shortened.pop((id(item), text), None):
                    self._count(shortened, -1)

    def _cut_results(self, length: int) -> None:
        for step in self.values.get("outcome", {}).get("steps", ()):
            for name in ("result", "arguments"):
                self._cut(step, name, RESULTS, length)
        self._cut(self.values, "last_plan", RESULTS, 2 * length)
        self._cut_all(self.added[:1], "content", RESULTS, 2 * length)

    def _cut_inputs(self, length: int) -> None:
        self._cut_all(self.values.get("inputs", ()), "text", INPUTS, length)

    def _cut_tools(self) -> None:
        """Leaves out the details of the tools: their names, purposes and arguments stay."""
        for tool in (*self.values.get("tools", ()), *self.values.get("readers", ())):
            for name in ("description", "arguments"):
                if self._excess > 0 and isinstance(tool, dict) and f"brief_{name}" in tool:
                    text, tool[name] = tool[name], tool.pop(f"brief_{name}")
                    self._excess -= estimate(text) - estimate(tool[name])

    def _cut_readings(self, length: int) -> None:
        for reading in self.context["readings"]:
            for holder, name in texts(reading["result"] or {}):
                self._cut(holder, name, READINGS, length)

    def _cut_all(
        self, holders: Iterable[dict[str, Any]], name: str, kind: tuple[str, str], length: int
    ) -> None:
        for holder in holders:
            self._cut(holder, name, kind, length)

    def _cut(self, holder: dict[str, Any], name: str, kind: tuple[str, str], length: int) -> None:
        """Shortens a text to `length` characters, if room is needed."""
        text = holder.get(name) or ""
        if self._excess <= 0 or len(self._whole.get((id(holder), name), text)) <= length:
            return
        self._shorten(holder, name, length)
        if holder[name] == text:
            return
        self._excess -= max(1, estimate(text) - estimate(holder[name]))
        if (id(holder), name) not in self._shortened:
            self._shortened[id(holder), name] = kind
            self._count(kind)

    def _shorten(self, holder: dict[str, Any], name: str, length: int) -> None:
        text = self._whole.setdefault((id(holder), name), holder.get(name) or "")
        shorter = cut(text, length) if length else ""
        if len(shorter) < len(holder.get(name) or ""):
            holder[name] = shorter

    def _count(self, kind: tuple[str, str], number: int = 1) -> None:
        self._left_out[kind] = self._left_out.get(kind, 0) + number


def _each_once(context: dict[str, Any]) -> dict[str, Any]:
    """Returns the context with the text of each object at its first place only, the focus first."""
    focus = context["focus"]
    known = {focus["id"]} if focus else set()
    once = dict(context)
    for name in (*TASKS, *MEMORIES_IN):
        once[name] = [
            {"id": item["id"], "title": item["title"], "again": True}
            if item["id"] in known
            else item
            for item in context[name]
        ]
        known |= {item["id"] for item in context[name]}
    return once


def _when(prompt: Prompt) -> str:
    """Returns of which moment the board and the memory of a prompt are, as the names of blocks say it."""
    if prompt.context.after_steps:
        return " now, after the steps so far"
    return " before the steps" if prompt.verb == "plan" else ""


def _shown(context: Mapping[str, Any]) -> dict[str, str]:
    """Returns for the lists of a context how many of all they have: "shown 5 of 7 (2 blocked)"."""
    counts: Mapping[str, int] = context["counts"]
    if not counts:
        return {}
    still_open = {name: counts.get(name, 0) for name in OPEN_STATUSES}
    by_status = ", ".join(f"{number} {name}" for name, number in still_open.items() if number)
    more = f" ({by_status})" if by_status else ""
    return {
        "tasks": _of(len(context["tasks"]), sum(still_open.values())) + more,
        "completed": _of(len(context["completed"]), counts.get("completed", 0)),
        "memories": _of(len(context["memories"]), counts.get("memories", 0)),
    }


def _of(number: int, total: int) -> str:
    return f"shown {number} of {total:,}{' or more' if total >= MAX_COUNTED else ''}"


def _tokens_of(item: Mapping[str, Any]) -> int:
    held = json.dumps(item["result"]) if "result" in item else ""
    return (
        6 + estimate(held) + sum(estimate(text) for text in item.values() if isinstance(text, str))
    )
