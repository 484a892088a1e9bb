"""The limit of a text in the pages' forms and in the API. Nothing is cut: a longer text is refused."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator

from agent.support.counts import too_long


class TextLimit(MaxLengthValidator):
    """Refuses a text that is too long, and tells how long it is."""

    def __call__(self, value: Any) -> None:
        limit = int(self.limit_value)
        if len(value) > limit:
            raise ValidationError(f"{too_long('This text', len(value), limit)}.", "max_length")
