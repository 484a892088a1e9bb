"""What is searched: entries of tasks and memories, and those of messages."""

from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="MessageEntry",
        fields=[
            (
                "id",
                models.BigAutoField(
                    auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                ),
            ),
            ("message_id", models.UUIDField(unique=True)),
            ("project_id", models.UUIDField()),
        ],
        options={
            "verbose_name_plural": "message entries",
        },
    ),
    migrations.CreateModel(
        name="SearchEntry",
        fields=[
            (
                "id",
                models.BigAutoField(
                    auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                ),
            ),
            ("object_id", models.UUIDField(unique=True)),
            ("kind", models.CharField(max_length=10)),
            ("body", models.TextField()),
            (
                "neighbours",
                models.TextField(
                    blank=True, help_text="Text of the source messages. Weighs less than the body."
                ),
            ),
            (
                "project",
                models.ForeignKey(
                    db_index=False, on_delete=models.CASCADE, related_name="+", to="agent.project"
                ),
            ),
        ],
        options={
            "verbose_name_plural": "search entries",
            "indexes": [models.Index(fields=["project", "kind", "id"], name="search_by_project")],
        },
    ),
]
