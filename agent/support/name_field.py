"""The name of an object in a form of a page or of the admin, by the rule of `agent.support.words.name_of`."""

from __future__ import annotations

from typing import Any

from django import forms

from agent.support.words import name_of


class NameField(forms.CharField):
    """A text in one line that shows something."""

    def to_python(self, value: Any) -> str:
        return name_of(super().to_python(value) or "")
