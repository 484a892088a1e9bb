from django.db import migrations, models

from agent.models.base import TextKeyField
from agent.support.words import text_key

BATCH = 1000


def set_keys(apps, schema_editor):
    """Sets what `TextKeyField` computes when a row is saved, for the rows that exist."""
    for model, texts in (("Memory", ("title", "content")), ("Task", ("title",))):
        rows = apps.get_model("agent", model)._base_manager
        batch = []
        for row in rows.order_by("pk").iterator(BATCH):
            for text in texts:
                setattr(row, f"{text}_key", text_key(getattr(row, text)))
            batch.append(row)
            if len(batch) == BATCH:
                rows.bulk_update(batch, [f"{text}_key" for text in texts])
                batch = []
        rows.bulk_update(batch, [f"{text}_key" for text in texts])


class Migration(migrations.Migration):
    """A memory or task with the same text is found by an index, and so are the latest changed tasks."""

    dependencies = [("agent", "0010_plain_help_texts")]

    operations = [
        migrations.AddField("memory", "title_key", TextKeyField(of="title")),
        migrations.AddField("memory", "content_key", TextKeyField(of="content")),
        migrations.AddField("task", "title_key", TextKeyField(of="title")),
        migrations.RunPython(set_keys, migrations.RunPython.noop),
        migrations.AddIndex(
            "memory", models.Index(fields=["project", "title_key"], name="memory_by_title")
        ),
        migrations.AddIndex(
            "memory", models.Index(fields=["project", "content_key"], name="memory_by_content")
        ),
        migrations.AddIndex(
            "task", models.Index(fields=["project", "title_key"], name="task_by_title")
        ),
        migrations.AddIndex(
            "task", models.Index(fields=["project", "-updated_at"], name="task_by_change")
        ),
    ]
