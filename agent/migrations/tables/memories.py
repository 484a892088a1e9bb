"""Memories and their revisions."""

import uuid

from django.conf import settings
from django.db import migrations, models

from agent.models.base import TextKeyField

TABLES = [
    migrations.CreateModel(
        name="Memory",
        fields=[
            (
                "id",
                models.UUIDField(
                    default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("deleted_at", models.DateTimeField(blank=True, editable=False, null=True)),
            ("title", models.CharField(max_length=200)),
            ("content", models.TextField()),
            (
                "kind",
                models.CharField(
                    choices=[
                        ("decision", "Decision"),
                        ("preference", "Preference"),
                        ("fact", "Fact"),
                        ("spec", "Spec"),
                        ("note", "Note"),
                    ],
                    default="fact",
                    max_length=10,
                ),
            ),
            ("category", models.CharField(blank=True, max_length=50)),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            ("updated_at", models.DateTimeField(auto_now=True)),
            (
                "source_message",
                models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="memories",
                    to="agent.message",
                ),
            ),
            (
                "project",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="memories", to="agent.project"
                ),
            ),
            ("title_key", TextKeyField(default="", editable=False, max_length=32, of="title")),
            ("content_key", TextKeyField(default="", editable=False, max_length=32, of="content")),
        ],
        options={
            "verbose_name_plural": "memories",
            "ordering": ["-updated_at", "id"],
            "abstract": False,
            "base_manager_name": "all_objects",
            "indexes": [
                models.Index(fields=["project", "-updated_at"], name="memory_by_age"),
                models.Index(fields=["project", "title_key"], name="memory_by_title"),
                models.Index(fields=["project", "content_key"], name="memory_by_content"),
                models.Index(fields=["-updated_at"], name="memory_by_change"),
                models.Index(
                    condition=models.Q(("deleted_at__isnull", False)),
                    fields=["deleted_at"],
                    name="memory_deleted",
                ),
            ],
        },
        managers=[
            ("objects", models.Manager()),
            ("all_objects", models.Manager()),
        ],
    ),
    migrations.CreateModel(
        name="MemoryRevision",
        fields=[
            (
                "id",
                models.UUIDField(
                    default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("number", models.PositiveIntegerField()),
            (
                "action",
                models.CharField(
                    choices=[
                        ("created", "Created"),
                        ("updated", "Updated"),
                        ("deleted", "Deleted"),
                        ("restored", "Restored"),
                    ],
                    max_length=10,
                ),
            ),
            ("title", models.CharField(max_length=200)),
            ("content", models.TextField()),
            (
                "kind",
                models.CharField(
                    choices=[
                        ("decision", "Decision"),
                        ("preference", "Preference"),
                        ("fact", "Fact"),
                        ("spec", "Spec"),
                        ("note", "Note"),
                    ],
                    max_length=10,
                ),
            ),
            ("category", models.CharField(blank=True, max_length=50)),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            (
                "by",
                models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            (
                "memory",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="revisions", to="agent.memory"
                ),
            ),
            (
                "run",
                models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="+",
                    to="agent.run",
                ),
            ),
        ],
        options={
            "ordering": ["memory", "number"],
            "indexes": [models.Index(fields=["created_at"], name="revision_by_time")],
            "constraints": [
                models.UniqueConstraint(fields=("memory", "number"), name="one_revision_per_number")
            ],
        },
    ),
]
