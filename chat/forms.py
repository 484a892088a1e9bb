"""The pages' forms. Their limits are those of the API."""

from __future__ import annotations

import hashlib
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import QueryDict

from agent.accounts.audit import set_approval_mode
from agent.accounts.shared_links import DAYS, DEFAULT_DAYS
from agent.accounts.tokens import check_quota
from agent.board.finding import find_task
from agent.board.projects import MAX_DESCRIPTION, MAX_NAME
from agent.exceptions import QuotaReached, ToolFailed
from agent.models import ApiToken, ApprovalMode, ChatSession, Project, Run, Task
from agent.models.projects import Role
from agent.support.counts import count
from agent.support.name_field import NameField
from agent.support.words import marked
from chat import access
from chat.text_limit import TextLimit

CHANGED = (
    "Someone else changed this meanwhile. Your text is kept here; save again to overwrite theirs."
)


def text_input(**attributes: Any) -> forms.TextInput:
    return forms.TextInput(attrs={"dir": "auto", "autocomplete": "off", **attributes})


class LongText(forms.CharField):
    """A text of several lines, which browsers send with line breaks of two characters."""

    def __init__(self, *, rows: int, **options: Any):
        widget = forms.Textarea(attrs={"rows": rows, "dir": "auto"})
        super().__init__(widget=widget, **options)

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n")


class ProjectForm(forms.Form):
    # No `max_length`: the browser would cut a longer text without a word.
    name = NameField(
        validators=[TextLimit(MAX_NAME)], widget=forms.TextInput(attrs={"dir": "auto"})
    )
    description = LongText(
        rows=4,
        required=False,
        validators=[TextLimit(MAX_DESCRIPTION)],
        help_text="A few sentences. The agent reads them before every plan.",
    )


class VersionedForm(forms.Form):
    """A form of an existing object: `version` names the state that the person has seen.

    When the object has changed since, the form is refused once, with the new version.
    """

    version = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, now: str, **options: Any):
        super().__init__(*args, **options)
        self.now = now

    def clean_version(self) -> str:
        if self.cleaned_data["version"] != self.now:
            data = cast(QueryDict, self.data).copy()
            data[self.add_prefix("version")] = self.now
            self.data = data
            raise ValidationError(CHANGED)
        return self.now


def version_of(*values: object) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()[:32]


class ProjectEditForm(VersionedForm, ProjectForm):
    def __init__(self, *args: Any, project: Project, **options: Any):
        super().__init__(*args, now=version_of(project.name, project.description), **options)

    @classmethod
    def of(cls, project: Project, **options: Any) -> ProjectEditForm:
        form = cls(project=project, **options)
        form.initial = {
            "name": project.name,
            "description": project.description,
            "version": form.now,
        }
        return form


class DeleteProjectForm(forms.Form):
    name = forms.CharField(label="Name of the project", strip=False, widget=text_input())

    def __init__(self, *args: Any, project: Project, **options: Any):
        super().__init__(*args, **options)
        self.project = project

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        names = self.project.name, marked(self.project.name)  # the page shows the latter
        if " ".join(name.split()) not in (" ".join(one.split()) for one in names):
            raise ValidationError("This is not the name of the project. Nothing was deleted.")
        return name


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices, initial=Role.VIEWER)


class InvitationForm(RoleForm):
    user = forms.CharField(
        label="Username",
        validators=[TextLimit(150)],
        widget=text_input(autocapitalize="none"),
    )
    field_order = ["user", "role"]


class RenameForm(forms.Form):
    title = NameField(validators=[TextLimit(MAX_NAME)], widget=text_input())


class SessionForm(forms.Form):
    """What holds for all messages of a session."""

    ask_first = forms.BooleanField(required=False, label="Ask before changing anything")
    task = forms.CharField(
        required=False,
        validators=[TextLimit(MAX_NAME)],
        label="About the task",
        help_text="Its number, such as #12. “It” in a message then means this task.",
        widget=text_input(),
    )

    def __init__(self, *args: Any, session: ChatSession, **options: Any):
        super().__init__(*args, **options)
        self.session = session
        task = session.task
        self.initial = {
            "ask_first": session.approval == ApprovalMode.REQUIRED,
            "task": f"#{task.number}" if task else "",
        }

    def clean_task(self) -> Task | None:
        reference = self.cleaned_data["task"]
        return _found(self.session.project_id, reference) if reference else None

    def save(self, *, by: User) -> None:
        is_required = self.cleaned_data["ask_first"]
        mode = ApprovalMode.REQUIRED if is_required else ApprovalMode.AUTO
        self.session.task = self.cleaned_data["task"]
        with transaction.atomic():
            set_approval_mode(self.session, mode, by=by)
            self.session.save(update_fields=["approval", "task"])


class SharedLinkForm(forms.Form):
    """A new link to a session. `run`: the id of the run that is offered as the only one."""

    days = forms.TypedChoiceField(
        label="Expires after",
        choices=[(days, count(days, "day")) for days in DAYS],
        initial=DEFAULT_DAYS,
        coerce=int,
    )
    run = forms.CharField(required=False, widget=forms.HiddenInput)
    shows_tasks = forms.BooleanField(required=False, label="Show the tasks of the project")
    shows_memories = forms.BooleanField(required=False, label="Show the memories of the project")

    def __init__(self, *args: Any, session: ChatSession, run: str = "", **options: Any):
        super().__init__(*args, **options)
        self.session = session
        self.chosen = self._found(str(self.data.get("run") or run))
        self.initial = {"run": self.chosen.pk if self.chosen else "", "days": DEFAULT_DAYS}

    @property
    def run_number(self) -> int | None:
        return self.chosen.number if self.chosen else None

    def _found(self, key: str) -> Run | None:
        try:
            return self.session.runs.filter(pk=UUID(key)).first()
        except ValueError:
            return None

    def clean_run(self) -> Run | None:
        if self.cleaned_data["run"] and self.chosen is None:
            raise ValidationError("The run is not in this session.")
        return self.chosen


class TokenForm(forms.Form):
    name = forms.CharField(
        required=False,
        validators=[TextLimit(100)],
        help_text="What the token is for, such as “Laptop script”.",
        widget=text_input(),
    )
    scope = forms.ChoiceField(
        choices=[
            (ApiToken.Scope.READ.value, "Read"),
            (ApiToken.Scope.WRITE.value, "Read and write"),
        ],
        initial=ApiToken.Scope.READ,
        help_text="With “Read”, the program can change nothing.",
    )
    project = forms.ModelChoiceField(
        Project.objects.none(),
        required=False,
        empty_label="All of yours",
        help_text="With one project, the program sees nothing else, and creates no projects and tokens.",
    )
    days = forms.TypedChoiceField(
        label="Expires after",
        choices=[*((days, count(days, "day")) for days in (7, 30, 90, 365)), ("", "Never")],
        initial=90,
        required=False,
        coerce=int,
        empty_value=None,
    )

    def __init__(self, *args: Any, user: User, **options: Any):
        super().__init__(*args, **options)
        self.user = user
        self.fields["project"].queryset = access.projects(user).order_by("name")  # type: ignore[attr-defined]

    def clean(self) -> None:
        try:
            check_quota(self.user)
        except QuotaReached as reached:
            raise ValidationError(str(reached)) from None


def _found(project_id: UUID, reference: str) -> Task:
    """Returns the task with this number ("#12" or "12"), title or id."""
    try:
        return find_task(project_id, f"#{reference}" if reference.isdecimal() else reference)
    except ToolFailed as failed:
        raise ValidationError(str(failed)) from None
