"""The forms of a person's own data. Each asks whether it is really the person: by the password, or, without
one, by a sign-in of the last minutes.
"""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from allauth.account.adapter import get_adapter
from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from agent.engine import account_deletion
from agent.models import Project
from chat.forms import text_input

# When the person signed in, in the row of the sign-in; and the seconds for which that counts as lately.
SIGNED_IN_AT, LATELY = "signed_in_at", 600


def listen() -> None:
    """Has each sign-in keep its time."""
    user_logged_in.connect(_signed_in, dispatch_uid="signed_in_at")


def _signed_in(request: HttpRequest | None, **_: Any) -> None:
    if request is not None and hasattr(request, "session"):
        request.session[SIGNED_IN_AT] = time.time()


class ConfirmedForm(forms.Form):
    """A form that only the person may send, and nobody at a page that was left open."""

    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    problem = ""  # why it cannot be sent now

    def __init__(self, *args: Any, request: HttpRequest, **options: Any):
        super().__init__(*args, **options)
        self.request, self.user = request, _user_of(request)
        if not self.user.has_usable_password():
            del self.fields["password"]

    def clean_password(self) -> None:
        """Compares the password, with the limits of signing in."""
        if not get_adapter(self.request).reauthenticate(self.user, self.cleaned_data["password"]):
            raise ValidationError("This is not your password.")

    def clean(self) -> None:
        if "password" in self.fields:
            return
        if time.time() - self.request.session.get(SIGNED_IN_AT, 0) > LATELY:
            raise ValidationError(
                "You signed in a while ago. Sign out and in again, and repeat this."
            )


def _user_of(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "signed in"
    return request.user


class ExportAccountForm(ConfirmedForm):
    pass


class DeleteAccountForm(ConfirmedForm):
    username = forms.CharField(
        label="Your username, to confirm", widget=text_input(autocapitalize="none")
    )

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        projects = list(account_deletion.shared_projects(self.user))
        self.fields.update({str(project.pk): _choice(project) for project in projects})
        self.shared = [str(project.pk) for project in projects]
        self.order_fields(self.shared)

    def clean_username(self) -> None:
        if self.cleaned_data["username"] != self.user.get_username():
            raise ValidationError("This is not your username. Nothing was deleted.")

    def heirs(self) -> dict[UUID, User | None]:
        """Returns who owns each project from now on; None if it is deleted."""
        chosen = {UUID(name): self.cleaned_data[name] for name in self.shared}
        people = User.objects.in_bulk([int(key) for key in chosen.values() if key != _DELETE])
        return {
            project: None if key == _DELETE else people[int(key)] for project, key in chosen.items()
        }


_DELETE = "delete"


def _choice(project: Project) -> forms.ChoiceField:
    heirs = account_deletion.heirs_of(project)
    people = [(str(heir.pk), f"Hand over to {heir.get_username()}") for heir in heirs]
    choices = [("", "Choose…"), *people, (_DELETE, "Delete it with everything in it")]
    return forms.ChoiceField(label=f"“{project.name}”", choices=choices)
