"""The form of a task in the admin: labels, acceptance criteria and the assignee as texts and a choice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from agent.board import criteria, task_rules
from agent.exceptions import ToolFailed
from agent.models import Task

if TYPE_CHECKING:
    Form = forms.ModelForm[Task]
else:
    Form = forms.ModelForm

T = TypeVar("T")

_CRITERION = re.compile(r"\[([ xX])\]\s*(.*)")


class TaskForm(Form):
    labels = forms.CharField(required=False, help_text="Words with spaces between them.")
    criteria = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        label="Acceptance criteria",
        help_text="One a line; “[x]” before one that is met.",
    )
    assignee = forms.ChoiceField(required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        task = self.instance
        lines = (f"[{'x' if item['done'] else ' '}] {item['text']}" for item in task.criteria)
        self.initial.update({"labels": " ".join(task.labels), "criteria": "\r\n".join(lines)})
        people = [*filter(None, [task.assignee]), *task_rules.members(task.project_id)]
        self._people: dict[str, User] = {one.get_username(): one for one in people}
        self.initial["assignee"] = task.assignee.get_username() if task.assignee else ""
        choices: Any = self.fields["assignee"]
        choices.choices = [("", "---------"), *((name, name) for name in self._people)]
        for field in self.fields.values():  # the form brings back what it was opened with
            field.show_hidden_initial = True
        self.newer: list[str] = []  # what others changed since it was opened

    def clean(self) -> None:
        """Keeps the present value of each field that was not edited."""
        for name in self.fields:
            opened = self.data.get(self.add_initial_prefix(name))
            if opened is None:
                continue
            if name not in self.changed_data:
                self.cleaned_data[name] = getattr(self.instance, name)
            field = self.fields[name]
            if field.has_changed(self.get_initial_for_field(field, name), opened):
                self.newer.append(str(self[name].label).lower())

    def clean_assignee(self) -> User | None:
        return self._people.get(self.cleaned_data["assignee"])

    def clean_title(self) -> str:
        return _checked(lambda: task_rules.title(self.cleaned_data["title"]))

    def clean_description(self) -> str:
        return _checked(lambda: task_rules.description(self.cleaned_data["description"]))

    def clean_due(self) -> date | None:
        return _checked(lambda: task_rules.due(self.cleaned_data["due"]))

    def clean_labels(self) -> list[str]:
        return _checked(lambda: task_rules.labels(self.cleaned_data["labels"].split()))

    def clean_criteria(self) -> list[dict[str, Any]]:
        now = self.instance.criteria
        values: Iterable[Mapping[str, Any]] = _criteria(self.cleaned_data["criteria"])
        opened = self.data.get(self.add_initial_prefix("criteria"))
        if opened is not None:
            values = criteria.merged(values, _criteria(opened), now)
        return _checked(lambda: criteria.revised(values, now))


def _criteria(text: str) -> list[dict[str, Any]]:
    values = []
    for line in filter(None, map(str.strip, text.splitlines())):
        marked = _CRITERION.fullmatch(line)
        values.append({"text": marked[2], "done": marked[1] != " "} if marked else {"text": line})
    return values


def _checked(rule: Callable[[], T]) -> T:
    try:
        return rule()
    except ToolFailed as error:
        raise ValidationError(str(error)) from None
