"""The form of a task in the admin: labels, acceptance criteria and the assignee as texts and a choice."""

from __future__ import annotations

import re
from collections.abc import Callable
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
        lines = filter(None, map(str.strip, self.cleaned_data["criteria"].splitlines()))
        values = []
        for line in lines:
            marked = _CRITERION.fullmatch(line)
            values.append(
                {"text": marked[2], "done": marked[1] != " "} if marked else {"text": line}
            )
        return _checked(lambda: criteria.revised(values, self.instance.criteria))


def _checked(rule: Callable[[], T]) -> T:
    try:
        return rule()
    except ToolFailed as error:
        raise ValidationError(str(error)) from None
