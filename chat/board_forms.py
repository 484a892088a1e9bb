"""The forms of a task and of a memory, with all of their fields, by the rules of `agent.board`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError

from agent.board import criteria
from agent.board import task_rules as rules
from agent.board.finding import find_tasks
from agent.board.tasks import task_json
from agent.event_log.texts import STATUSES
from agent.exceptions import ToolFailed
from agent.memory import memories
from agent.models import Memory, Task
from agent.support.name_field import NameField
from chat.forms import LongText, VersionedForm, text_input, version_of
from chat.labels import KINDS
from chat.text_limit import TextLimit

T = TypeVar("T")

MAX_WORDS = 2000  # characters of labels, or of numbers of tasks


class TaskForm(VersionedForm):
    """A new task, or with `task` an existing one."""

    title = NameField(validators=[TextLimit(rules.MAX_TITLE)], widget=text_input())
    status = forms.ChoiceField(
        choices=[(value, word.capitalize()) for value, word in STATUSES.items()]
    )
    priority = forms.ChoiceField(
        choices=[(value, value.capitalize()) for value in Task.Priority.values], initial="medium"
    )
    due = forms.DateField(
        required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    estimate = forms.FloatField(
        required=False,
        min_value=0,
        max_value=rules.MAX_HOURS,
        label="Estimate in hours",
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )
    assignee = forms.CharField(
        required=False, validators=[TextLimit(150)], widget=text_input(list="members")
    )
    labels = forms.CharField(
        required=False,
        validators=[TextLimit(MAX_WORDS)],
        widget=text_input(),
        help_text="Words with spaces between them.",
    )
    description = LongText(rows=6, required=False, validators=[TextLimit(rules.MAX_DESCRIPTION)])
    criteria = LongText(
        rows=4,
        required=False,
        validators=[TextLimit(criteria.MAX_CRITERIA * (criteria.MAX_CRITERION + 1))],
        label="Acceptance criteria, one a line",
    )
    met = forms.MultipleChoiceField(
        required=False, label="Criteria that are met", widget=forms.CheckboxSelectMultiple
    )
    parent = forms.CharField(
        required=False,
        validators=[TextLimit(MAX_WORDS)],
        label="Subtask of",
        widget=text_input(),
        help_text="A number, such as #12.",
    )
    depends_on = forms.CharField(
        required=False,
        validators=[TextLimit(MAX_WORDS)],
        label="Depends on",
        widget=text_input(),
        help_text="Numbers with spaces between them, such as #3 #5.",
    )

    def __init__(self, *args: Any, project_id: UUID, task: Task | None = None, **options: Any):
        shown = task_json(task) if task else {}
        super().__init__(*args, now=version_of(shown) if task else "", **options)
        self.project_id, self.task = project_id, task
        items = task.criteria if task else []
        self.fields["met"].choices = [(item["id"], item["text"]) for item in items]  # type: ignore[attr-defined]
        if not items:
            del self.fields["met"]
        self.initial = {**self.initial, "version": self.now}
        if task:
            self.initial |= _task_texts(task, shown)

    def clean_due(self) -> date | None:
        return _allowed(lambda: rules.due(self.cleaned_data["due"]))

    def clean_assignee(self) -> str | None:
        name: str = self.cleaned_data["assignee"]
        person = _allowed(lambda: rules.member(self.project_id, name))
        return person.get_username() if person else None

    def clean_labels(self) -> list[str]:
        words = self.cleaned_data["labels"].replace(",", " ").split()
        return _allowed(lambda: rules.labels(words))

    def clean_criteria(self) -> list[str]:
        lines = [line for line in self.cleaned_data["criteria"].splitlines() if line.strip()]
        before = self.task.criteria if self.task else []
        _allowed(lambda: criteria.revised(lines, before))
        return lines

    def clean_parent(self) -> Task | None:
        found = self._tasks("parent")
        if len(found) > 1:
            raise ValidationError("A task is a subtask of one task only.")
        parent = found[0] if found else None
        if self.task is not None:
            task = self.task
            _allowed(lambda: rules.check_parent(parent, [task]))
        return parent

    def clean_depends_on(self) -> list[Task]:
        return self._tasks("depends_on")

    def _tasks(self, name: str) -> list[Task]:
        words = self.cleaned_data[name].replace(",", " ").split()
        numbers = [f"#{word.removeprefix('#')}" for word in words]
        for number in numbers:
            if not number[1:].isdecimal():
                raise ValidationError(
                    f"Enter the number of a task, such as #12, not “{number[1:]}”."
                )
        return _allowed(lambda: find_tasks(self.project_id, numbers))

    def values(self) -> dict[str, Any]:
        """Returns the fields as `agent.board.tasks` takes them; of an existing task, those that differ.

        A link to a deleted task, which the form does not show, stays unless its field was changed.
        """
        changed = set(self.changed_data) if self.task else self.fields.keys()
        names = self.fields.keys() & changed - {"version", "met", "criteria"}
        values = {name: self.cleaned_data[name] for name in names}
        return {**values, "criteria": self._criteria()}

    def _criteria(self) -> list[dict[str, Any]]:
        before = self.task.criteria if self.task else []
        met = self.cleaned_data.get("met", [])
        items = criteria.revised(self.cleaned_data["criteria"], before)
        return [{**item, "done": item["id"] in met} for item in items]


def _task_texts(task: Task, shown: dict[str, Any]) -> dict[str, Any]:
    needed = Task.objects.filter(dependants=task).order_by("number")
    parent = Task.objects.filter(pk=task.parent_id).first()
    due = shown["due"]
    return {
        **{name: shown[name] for name in ("title", "description", "status", "priority")},
        "due": date.fromisoformat(due) if due else None,
        "estimate": shown["estimate"],
        "assignee": shown["assignee"] or "",
        "labels": " ".join(shown["labels"]),
        "criteria": "\n".join(item["text"] for item in shown["criteria"]),
        "met": [item["id"] for item in shown["criteria"] if item["done"]],
        "parent": f"#{parent.number}" if parent else "",
        "depends_on": " ".join(f"#{other.number}" for other in needed),
    }


class MemoryForm(VersionedForm):
    title = NameField(validators=[TextLimit(memories.MAX_TITLE)], widget=text_input())
    content = LongText(rows=6, validators=[TextLimit(memories.MAX_CONTENT)])
    kind = forms.ChoiceField(choices=[(kind, kind.capitalize()) for kind in KINDS], initial="fact")
    category = forms.CharField(
        required=False, validators=[TextLimit(memories.MAX_CATEGORY)], widget=text_input()
    )

    def __init__(self, *args: Any, memory: Memory | None = None, **options: Any):
        shown = memories.memory_json(memory) if memory else {}
        super().__init__(*args, now=version_of(shown) if memory else "", **options)
        self.initial = {**shown, "version": self.now}

    def values(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name != "version"}


def _allowed(check: Callable[[], T]) -> T:
    """Returns what `check` returns; its refusal is an error of the field."""
    try:
        return check()
    except ToolFailed as failed:
        raise ValidationError(str(failed)) from None
