"""Base classes of models: UUID keys and soft deletion."""

from __future__ import annotations

import uuid
from typing import Any, TypeVar

from django.db import models
from django.db.models.expressions import RawSQL

from agent.support.words import distinct_words, text_key

M = TypeVar("M", bound=models.Model)


class UUIDModel(models.Model):
    """A row with a key that can be used in URLs: it cannot be guessed and reveals no count."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta:
        abstract = True


class PresentManager(models.Manager[M]):
    """Hides deleted rows."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().filter(deleted_at=None)


def literals(*values: str) -> list[RawSQL]:
    """Returns the values as SQL literals. SQLite uses a partial index for them, not for parameters."""
    return [RawSQL(f"'{value}'", ()) for value in values]


class SoftDeleteModel(UUIDModel):
    """A row that "delete" only marks, so that "undo" can restore it.

    `objects` hides deleted rows, `all_objects` includes them.
    """

    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: Any = PresentManager()
    all_objects: Any = models.Manager()

    class Meta:
        abstract = True
        # Foreign keys still resolve to deleted rows.
        base_manager_name = "all_objects"


class TextKeyField(models.CharField):  # type: ignore[type-arg]  # not generic at run time
    """The `text_key` of another field, set whenever the row is saved: finds equal texts by an index.

    With `update_fields`, name this field too.
    """

    def __init__(self, *args: Any, of: str = "", **options: Any) -> None:
        self.of = of
        super().__init__(*args, **{"max_length": 32, "editable": False, "default": "", **options})

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        return name, path, args, {**options, "of": self.of}

    def pre_save(self, row: models.Model, add: bool) -> str:
        key = text_key(getattr(row, self.of))
        setattr(row, self.attname, key)
        return key


class DistinctWordsField(models.TextField):  # type: ignore[type-arg]  # not generic at run time
    """The `distinct_words` of another field, set whenever the row is saved, for an index of them.

    With `update_fields`, name this field too.
    """

    def __init__(self, *args: Any, of: str = "", **options: Any) -> None:
        self.of = of
        super().__init__(*args, **{"editable": False, "default": "", **options})

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        return name, path, args, {**options, "of": self.of}

    def pre_save(self, row: models.Model, add: bool) -> str:
        words = distinct_words(getattr(row, self.of))
        setattr(row, self.attname, words)
        return words


class WordsField(models.TextField):  # type: ignore[type-arg]  # not generic at run time
    """A list of words without spaces, stored as one text: every database can look for one of them.

    `filter(labels__contains=" ui ")` finds the rows that have the word.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"blank": True, "default": list, **options})

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> list[str]:
        return (value or "").split()

    def to_python(self, value: Any) -> list[str]:
        return value.split() if isinstance(value, str) else list(value or ())

    def get_prep_value(self, value: Any) -> str:
        words = self.to_python(value)
        return f" {' '.join(words)} " if words else ""

    def value_from_object(self, obj: models.Model) -> str:
        """Returns the value for a form."""
        return " ".join(getattr(obj, self.attname))
