"""The project's memories, their revisions, and the search index of tasks and memories."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from agent.models.base import SoftDeleteModel, TextKeyField, UUIDModel
from agent.models.projects import Project
from agent.models.runs import Run
from agent.models.sessions import Message
from agent.shorten import shorten
from agent.support.words import marked


class Memory(SoftDeleteModel):
    """One remembered decision, preference, fact, spec or note."""

    class Kind(models.TextChoices):
        DECISION = "decision"
        PREFERENCE = "preference"
        FACT = "fact"
        SPEC = "spec"
        NOTE = "note"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memories")
    title = models.CharField(max_length=200)
    title_key = TextKeyField(of="title")
    content = models.TextField()
    content_key = TextKeyField(of="content")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.FACT)
    category = models.CharField(max_length=50, blank=True)
    source_message = models.ForeignKey(
        Message, null=True, blank=True, on_delete=models.SET_NULL, related_name="memories"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(SoftDeleteModel.Meta):
        ordering = ["-updated_at", "id"]
        verbose_name_plural = "memories"
        indexes = [
            models.Index(fields=["project", "-updated_at"], name="memory_by_age"),
            models.Index(fields=["-updated_at"], name="memory_by_change"),
            models.Index(fields=["project", "title_key"], name="memory_by_title"),
            models.Index(fields=["project", "content_key"], name="memory_by_content"),
            models.Index(
                fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="memory_deleted"
            ),
        ]

    def __str__(self) -> str:
        return marked(self.title)


class MemoryRevision(UUIDModel):
    """The content of a memory after one change."""

    class Action(models.TextChoices):
        CREATED = "created"
        UPDATED = "updated"
        DELETED = "deleted"
        RESTORED = "restored"

    memory = models.ForeignKey(Memory, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    action = models.CharField(max_length=10, choices=Action.choices)
    title = models.CharField(max_length=200)
    content = models.TextField()
    kind = models.CharField(max_length=10, choices=Memory.Kind.choices)
    category = models.CharField(max_length=50, blank=True)
    run = models.ForeignKey(Run, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["memory", "number"]
        constraints = [
            models.UniqueConstraint(fields=["memory", "number"], name="one_revision_per_number")
        ]
        indexes = [models.Index(fields=["created_at"], name="revision_by_time")]

    def __str__(self) -> str:
        return f"{self.action} {marked(self.title)}"


class SearchEntry(models.Model):
    """The indexed text of one task or memory.

    A migration adds the database's full-text index: FTS5 on SQLite, `tsvector` on PostgreSQL.
    """

    object_id = models.UUIDField(unique=True)
    kind = models.CharField(max_length=10)  # "task" or "memory"
    # Without an index of its own: PostgreSQL would use it and read entries of the other kind.
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    body = models.TextField()
    neighbours = models.TextField(
        blank=True, help_text="Text of the source messages. Weighs less than the body."
    )

    class Meta:
        indexes = [models.Index(fields=["project", "kind", "id"], name="search_by_project")]
        verbose_name_plural = "search entries"

    def __str__(self) -> str:
        return shorten(self.body, 60)
