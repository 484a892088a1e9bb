"""Keeps which sessions and runs are of one batch, for the sidebar. Those of earlier batches are of none."""

import uuid

import django.db.models.deletion
from django.db import migrations, models


def of_batch(name):
    return models.ForeignKey(
        blank=True,
        db_index=False,
        editable=False,
        help_text={
            "sessions": "The batch that opened the session.",
            "runs": "The batch that the run counts for.",
        }[name],
        null=True,
        on_delete=django.db.models.deletion.SET_NULL,
        related_name=name,
        to="agent.batch",
    )


class Migration(migrations.Migration):
    dependencies = [("agent", "0028_shared_links")]

    operations = [
        migrations.CreateModel(
            name="Batch",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="The name of the file with the messages.", max_length=200
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(help_text="Time of the command's latest start.")),
                (
                    "project",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="batches",
                        to="agent.project",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "batches",
                "indexes": [models.Index(fields=["project", "-updated_at"], name="batch_by_age")],
            },
        ),
        migrations.AddField(model_name="chatsession", name="batch", field=of_batch("sessions")),
        migrations.AddField(model_name="run", name="batch", field=of_batch("runs")),
        migrations.AddIndex(
            model_name="chatsession",
            index=models.Index(
                condition=models.Q(("batch__isnull", True)),
                fields=["project", "-updated_at"],
                name="session_listed",
            ),
        ),
        migrations.AddIndex(
            model_name="chatsession",
            index=models.Index(
                condition=models.Q(("batch__isnull", False)),
                fields=["batch", "-updated_at"],
                name="session_of_batch",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("batch__isnull", False)),
                fields=["batch", "status"],
                name="run_of_batch",
            ),
        ),
    ]
