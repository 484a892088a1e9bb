"""Runs of deleted sessions stay counted for the day."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agent", "0046_events_without_key_of_run")]

    operations = [
        migrations.CreateModel(
            "DeletedRuns",
            [
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "day",
                    models.PositiveIntegerField(
                        help_text="As a number: see `agent.accounts.quotas.today`."
                    ),
                ),
                ("runs", models.PositiveIntegerField()),
            ],
            options={"verbose_name_plural": "deleted runs"},
        )
    ]
