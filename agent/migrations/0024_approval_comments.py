"""Keeps the comments on steps with which a plan was rejected."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agent", "0023_run_left_open")]

    operations = [
        migrations.AddField(
            model_name="approval",
            name="comments",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="Of a rejection, on steps of the plan: step, text.",
            ),
        ),
    ]
