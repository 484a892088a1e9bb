"""Keeps the messages that were sent into a run, and what became of them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agent", "0021_model_calls")]

    operations = [
        migrations.CreateModel(
            name="Steering",
            fields=[
                (
                    "message",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="steering",
                        serialize=False,
                        to="agent.message",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("taken", "Taken"), ("applied", "Applied"), ("next", "Next")],
                        default="taken",
                        max_length=10,
                    ),
                ),
                (
                    "plan_revision",
                    models.PositiveIntegerField(
                        blank=True, help_text="Of the plan that was made with it.", null=True
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="steering",
                        to="agent.run",
                    ),
                ),
            ],
            options={
                "ordering": ["message__created_at", "message"],
                "indexes": [models.Index(fields=["run", "status"], name="steering_of_run")],
            },
        ),
    ]
