"""Keeps what a plan assumes and what it leaves open for the person."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agent", "0016_step_created")]

    operations = [
        migrations.AddField(
            model_name="planrevision",
            name="assumptions",
            field=models.JSONField(
                blank=True, default=list, help_text="text, and the steps that rest on it."
            ),
        ),
        migrations.AddField(
            model_name="planrevision",
            name="questions",
            field=models.JSONField(
                blank=True, default=list, help_text="Open questions: question, choices."
            ),
        ),
    ]
