"""What several models share: a UUID key and soft deletion."""

from __future__ import annotations

import uuid
from typing import Any, TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)


class UUIDModel(models.Model):
    """A row whose key may stand in an address: it cannot be guessed or counted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta:
        abstract = True


class PresentManager(models.Manager[M]):
    """Hides what was deleted."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().filter(deleted_at=None)


class SoftDeleteModel(UUIDModel):
    """A row that "delete" only marks, so that "undo" can bring it back.

    `objects` hides the deleted ones, `all_objects` does not.
    """

    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: Any = PresentManager()
    all_objects: Any = models.Manager()

    class Meta:
        abstract = True
        # Foreign keys go on leading to a deleted row.
        base_manager_name = "all_objects"
