"""Adds the index by which the events of a run are found in the log of its session."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agent", "0043_tokens_of_deleted_projects")]

    operations = [
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("type", "run")),
                fields=["run", "seq"],
                name="event_run_states",
            ),
        )
    ]
