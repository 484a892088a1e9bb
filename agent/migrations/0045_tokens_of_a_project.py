"""A token may be for one project; a run knows whether such a token has a say in it.

As SQL where a column has a default: Django would make the table anew on SQLite, without its triggers.
"""

import django.db.models.deletion
from django.db import migrations, models


def add_column(apps, schema_editor):
    false = {"sqlite": "0", "postgresql": "false"}[schema_editor.connection.vendor]
    schema_editor.execute(
        f"ALTER TABLE agent_run ADD COLUMN within_project bool NOT NULL DEFAULT {false}"
    )


def drop_column(apps, schema_editor):
    schema_editor.execute("ALTER TABLE agent_run DROP COLUMN within_project")


class Migration(migrations.Migration):
    dependencies = [("agent", "0044_run_states")]

    operations = [
        migrations.AddField(
            "apitoken",
            "project",
            models.ForeignKey(
                blank=True,
                help_text="The only project that the token opens; empty: all of the user's.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="agent.project",
            ),
        ),
        migrations.SeparateDatabaseAndState(
            [migrations.RunPython(add_column, drop_column)],
            [
                migrations.AddField(
                    "run",
                    "within_project",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        editable=False,
                        help_text="A program with a token for this project alone has a say in it: it creates no "
                        "project.",
                    ),
                )
            ],
        ),
    ]
