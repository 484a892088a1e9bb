"""Checks the long texts that a plan would replace or edit: none that the model did not see whole may be
replaced, and each edit must find its place. Changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from pydantic import TypeAdapter

from agent.exceptions import ToolFailed
from agent.memory.memories import same_memory
from agent.models import Memory, Project, Task
from agent.plan import Placeholder, Plan, Step, StepType, as_placeholder, follow, placeholders
from agent.support.words import same_text
from agent.tools import registry
from agent.tools.edits import Edit, edited
from agent.tools.references import EDITS, REPLACES, Rewrite, find, rewrites

Row = Task | Memory | Project
_edits = TypeAdapter(list[Edit])


# -- what a prompt contained -----------------------------------------------------------------------


def seen_texts(context: Mapping[str, Any]) -> list[str]:
    """Returns a mark for each text of a task or memory in `context`, as a prompt had it. A cut text
    has another mark than the whole one. JSON, whose lists may be tuples: for a full board this is done on
    the event loop, so it makes nothing of what has no mark.
    """
    marks: set[str] = set()
    _add_marks(context, marks)
    return sorted(marks)


def _add_marks(value: Any, marks: set[str]) -> None:
    if isinstance(value, dict):
        for key, names in _NAMES.items():
            if isinstance(known := value.get(key), str):
                for name in names:
                    if (item := value.get(name)) and (text := as_text(item)):
                        marks.add(_mark(known, text))
        if isinstance(brief := value.get(_BRIEF), str):
            marks.add(_mark(_BRIEF, brief))
        value = value.values()
    for item in value:
        if item and isinstance(item, _WITH_ITEMS):
            _add_marks(item, marks)


_WITH_ITEMS = dict, list, tuple
# The lists of a task, in words.
_LISTS = {
    "criteria": "acceptance criteria",
    "labels": "labels",
    "depends_on": "dependencies",
}
# The names of ids, and of the texts beside each, in a context and in the results of tools.
_NAMES = {
    "id": ("description", *_LISTS, "content"),
    "task_id": ("description", *_LISTS),
    "memory_id": ("content",),
}
_BRIEF = "project_description"


def as_text(value: Any) -> str:
    """Returns a text as it is, and acceptance criteria, labels or the numbers of tasks as one text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        texts = [item["text"] for item in value if isinstance(item, Mapping) and "text" in item]
        words = [item.get("number") if isinstance(item, Mapping) else item for item in value]
        texts = texts or sorted(word for word in words if isinstance(word, str))
        return json.dumps(texts) if texts else ""
    return ""


def seen_parts(inputs: Mapping[str, Any], results: Mapping[str, Any]) -> list[str]:
    """Returns the marks of the texts that `inputs` take from `results` alone, without the object around
    them: by a placeholder whose path ends there, such as "tasks.0.description".
    """
    parts = []
    for _, one in placeholders(inputs):
        path, _, name = one.path.rpartition(".")
        holder = follow(results[one.step], path) if path else results[one.step]
        if isinstance(holder, Mapping):
            parts.append({key: holder.get(key) for key in (*_NAMES, name)})
    return seen_texts({"parts": parts})


def _mark(key: str, text: str) -> str:
    return f"{key}:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


# -- what a plan would do --------------------------------------------------------------------------


class Rewriting:
    """The texts that the unfinished steps of one plan change. Reads each object once.

    `seen`: the marks of the texts that the model saw; None if a person wrote the plan, who may replace
    any text. `locks`: tasks stay locked until the transaction ends.
    """

    def __init__(
        self,
        plan: Plan,
        project: Project,
        seen: Collection[str] | None,
        done: Collection[str],
        *,
        locks: bool = False,
    ) -> None:
        self.plan = plan
        self.project = project
        self.seen = seen
        self.done = done
        self.locks = locks
        self._rows: dict[tuple[str, str], Row | None] = {}

    def problems(self, step: Step, but: Collection[str] = ()) -> list[str]:
        """Returns the reasons why the step, which calls a tool, must not change a text as it says.

        `but`: the paths of arguments that were checked before.
        """
        replacing = [one for one in _rewrites(step, REPLACES) if one.path not in but]
        editing = [one for one in _rewrites(step, EDITS) if one.path not in but]
        found = [(one.path, self._replacing(one)) for one in replacing]
        found += [(one.path, self._editing(one)) for one in editing]
        if step.tool == _REMEMBERS:
            found.append(("content", self._remembering(step.arguments)))
        return [f"{path}: {problem}" for path, problem in found if problem]

    def unread(self, step: Step) -> list[tuple[Row, str]]:
        """Returns the objects, and their texts, that the step, which has no placeholders, would replace
        unread.
        """
        found = [self._unread(one) for one in _rewrites(step, REPLACES)]
        if step.tool == _REMEMBERS and (memory := self._unread_memory(step.arguments)):
            found.append((memory, memory.content))
        return [one for one in found if one is not None]

    @property
    def tasks(self) -> dict[str, Task]:
        """The tasks that were read, by what the plan refers to them with."""
        return {name: row for (_, name), row in self._rows.items() if isinstance(row, Task)}

    def settled(self, step: Step) -> set[str]:
        """Returns the paths of the step's arguments that need no check when its placeholders are filled."""
        found = (one for keyword in (REPLACES, EDITS) for one in _rewrites(step, keyword))
        return {one.path for one in found if not self._is_open(one)}

    def _is_open(self, rewrite: Rewrite) -> bool:
        source = as_placeholder(rewrite.reference)
        is_new = source is not None and self._is_new(source)
        return any(placeholders(rewrite.value)) and not is_new

    def _replacing(self, rewrite: Rewrite) -> str:
        if self.seen is None or self._is_composed(rewrite.value):
            return ""
        if (source := as_placeholder(rewrite.reference)) is not None:
            return "" if self._is_new(source) else _UNREAD.format(source.step)
        if (unread := self._unread(rewrite)) is None:
            return ""
        row, text = unread
        name = "the project" if isinstance(row, Project) else f"“{row.title}”"
        if rewrite.path in _LISTS:
            return _UNSEEN_LIST.format(_LISTS[rewrite.path], name)
        return _UNSEEN.format(name, f"{len(text):,}")

    def _unread(self, rewrite: Rewrite) -> tuple[Row, str] | None:
        """Returns the object and its text that would be replaced, unless the text is seen or empty."""
        row = self._row(rewrite)
        if row is None or not (text := _text(row, rewrite)) or self._is_seen(row, text):
            return None
        return row, text

    def _remembering(self, arguments: Mapping[str, Any]) -> str:
        """An argument that is a placeholder is compared as it stands: its text is not known yet."""
        row = None if self.seen is None else self._unread_memory(arguments)
        return "" if row is None else _SAME_TITLE.format(row.title, row.pk)

    def _unread_memory(self, arguments: Mapping[str, Any]) -> Memory | None:
        """As `_unread`, for a memory that is revised because it has the title and kind of the new one."""
        title, content, kind = (str(arguments[name]) for name in ("title", "content", "kind"))
        row = same_memory(self.project.pk, title, content, kind)
        if row is None or same_text(row.content) == same_text(content):
            return None
        return None if self._is_seen(row, row.content) else row

    def _is_composed(self, value: Any) -> bool:
        """Tells whether the text is composed during the execution, and checked then: its model may have
        seen more than that of the plan.
        """
        source = as_placeholder(value)
        composing = (step.id for step in self.plan.steps if step.type == StepType.COMPOSE)
        return source is not None and source.step in composing

    def _is_seen(self, row: Row, text: str) -> bool:
        """A context refers to a task by its number, a tool's result by its id."""
        keys = [_key(row), *([f"#{row.number}"] if isinstance(row, Task) else [])]
        return any(_mark(key, text) in (self.seen or ()) for key in keys)

    def _is_new(self, source: Placeholder) -> bool:
        """Tells whether the object is created by the step that the placeholder refers to."""
        step = next((step for step in self.plan.steps if step.id == source.step), None)
        tool = registry.get(step.tool) if step else None
        if tool is None or tool.reads or tool.is_async:
            return False
        return tool.alters == 0

    def _editing(self, rewrite: Rewrite) -> str:
        """Returns why the edits do not fit the text. A text that several arguments change is not checked."""
        row = self._row(rewrite)
        if row is None or self._changes[_key(row)] > 1 or any(placeholders(rewrite.value)):
            return ""
        try:
            edited(_text(row, rewrite), _edits.validate_python(rewrite.value))
        except ToolFailed as error:
            return str(error)
        return ""

    @cached_property
    def _changes(self) -> Counter[str]:
        """The number of arguments that change each object's text."""
        steps = [step for step in self.plan.steps if step.id not in self.done]
        found = (
            one
            for step in steps
            for mark in (REPLACES, EDITS)
            for one in _rewrites(step, mark)
            if one.path not in _LISTS
        )
        return Counter(_key(row) for rewrite in found if (row := self._row(rewrite)))

    def _row(self, rewrite: Rewrite) -> Row | None:
        if not isinstance(rewrite.reference, str):
            return None
        key = (rewrite.kind, rewrite.reference)
        if key not in self._rows:
            self._rows[key] = self._found(*key)
        return self._rows[key]

    def _found(self, kind: str, reference: str) -> Row | None:
        if kind == "project":  # as it is now, and not as it was when the run began
            return Project.objects.filter(pk=self.project.pk).first()
        row: Row | None = find(self.project.pk, kind, reference, lock=self.locks)
        return row


_REMEMBERS = "create_memory"
_UNREAD = (
    "replaces the whole text of an object that step {} finds, unread. Change it with edits, or read it"
    " before the plan"
)
_UNSEEN = (
    "replaces the whole text of {}, of which the model has not read all {} characters as they are now."
    " Change only what the message asks for with edits, or read the text first"
)
_UNSEEN_LIST = (
    "replaces the {} of {}, which the model has not read as they are now. Read the task first; a criterion"
    " is ticked with tick_criterion"
)
_SAME_TITLE = (
    "replaces the content of the memory “{}” ({}), which has this title and kind and which the model has"
    " not read whole as it is now. Read it first, change it with edits, or give the new one another title"
)


def _rewrites(step: Step, keyword: str) -> Iterator[Rewrite]:
    tool = registry.get(step.tool) if step.type == StepType.TOOL else None
    return rewrites(tool, step.arguments, keyword) if tool else iter(())


def _key(row: Row) -> str:
    return _BRIEF if isinstance(row, Project) else str(row.pk)


def _text(row: Row, rewrite: Rewrite) -> str:
    """Returns the present text that `rewrite` replaces or edits."""
    if isinstance(row, Project) and row.is_sample:
        return ""
    if isinstance(row, Task) and rewrite.path == "depends_on":
        return as_text(numbers(row.depends_on.filter(deleted_at=None)))
    if isinstance(row, Task) and rewrite.path in _LISTS:
        return as_text(getattr(row, rewrite.path))
    return row.content if isinstance(row, Memory) else row.description


def numbers(tasks: QuerySet[Task]) -> list[str]:
    """Returns the numbers of the tasks as a context has them."""
    return [f"#{number}" for number in tasks.values_list("number", flat=True)]
