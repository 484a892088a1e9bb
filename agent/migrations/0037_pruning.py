"""Where the event log of a session begins, after its first runs were pruned.

As SQL: Django would make the table anew on SQLite, and the trigger that indexes messages reads it.
"""

from django.db import migrations, models

ADD = "ALTER TABLE agent_chatsession ADD COLUMN {0} {1} NOT NULL DEFAULT 1 CHECK ({0} >= 0)"
DROP = "ALTER TABLE agent_chatsession DROP COLUMN {0}"


class Migration(migrations.Migration):
    dependencies = [("agent", "0036_feedback_by_time")]

    operations = [
        migrations.RunSQL(
            ADD.format("first_seq", "bigint"),
            DROP.format("first_seq"),
            state_operations=[
                migrations.AddField(
                    model_name="chatsession",
                    name="first_seq",
                    field=models.PositiveBigIntegerField(
                        db_default=1,
                        default=1,
                        editable=False,
                        help_text="The first event that was not pruned, or the next one.",
                    ),
                )
            ],
        ),
        migrations.RunSQL(
            ADD.format("first_run", "integer"),
            DROP.format("first_run"),
            state_operations=[
                migrations.AddField(
                    model_name="chatsession",
                    name="first_run",
                    field=models.PositiveIntegerField(
                        db_default=1,
                        default=1,
                        editable=False,
                        help_text="The number of the first run whose events were not pruned, or of the "
                        "next one.",
                    ),
                )
            ],
        ),
    ]
