import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agent", "0013_search_by_project")]

    operations = [
        migrations.CreateModel(
            name="Draft",
            fields=[
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="agent.run",
                    ),
                ),
                ("attempt", models.PositiveIntegerField()),
                (
                    "seq",
                    models.PositiveBigIntegerField(
                        help_text="The last event of the session by then."
                    ),
                ),
                (
                    "written_ms",
                    models.PositiveBigIntegerField(help_text="Milliseconds since 1970."),
                ),
                ("body", models.TextField(help_text="The fields of the frame, as JSON.")),
            ],
        ),
    ]
