"""Base classes of models: UUID keys and soft deletion."""

from __future__ import annotations

import uuid
from typing import Any, TypeVar

from django.db import models

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
