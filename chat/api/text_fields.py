"""Texts of API inputs. Nothing is cut: a longer text is refused."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from agent.support.words import name_of
from chat.text_limit import TextLimit


class TextField(serializers.CharField):
    """A text of an API input with at most `max_length` characters."""

    def __init__(self, *, max_length: int, **options: Any) -> None:
        super().__init__(**options)
        self.validators.append(TextLimit(max_length))


class NameField(TextField):
    """The name of an object, by the rule of `agent.support.words.name_of`: one line that shows something."""

    default_error_messages = {"invisible": "This text shows nothing."}

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        if not isinstance(value, str) or not value:
            return value
        name = name_of(value)
        if not name:
            self.fail("invisible")
        return name
