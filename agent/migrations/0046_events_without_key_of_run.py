"""The database does not compare the run of an event with the table of runs any more: without an index of it,
which would cost a page write per event, it read all events for each run that was deleted.
"""

import django.db.models.deletion
from django.db import OperationalError, migrations, models

KEY = '"run_id" char(32) NULL REFERENCES "agent_run" ("id") DEFERRABLE INITIALLY DEFERRED'


def _of_sqlite(schema_editor):
    """Takes the key out of the table's description, as SQLite's documentation of ALTER TABLE shows it: making
    the table anew would copy all events.
    """
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("PRAGMA schema_version")
        (version,) = cursor.fetchone()
        cursor.execute("PRAGMA writable_schema = ON")
        try:
            cursor.execute(
                "UPDATE sqlite_master SET sql = replace(sql, %s, %s) WHERE type = 'table' AND name = %s",
                [KEY, '"run_id" char(32) NULL', "agent_event"],
            )
            cursor.execute(f"PRAGMA schema_version = {version + 1}")
        except OperationalError:  # of an SQLite that forbids it: deletions stay slow
            pass
        finally:
            cursor.execute("PRAGMA writable_schema = OFF")


def drop_key(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        _of_sqlite(schema_editor)
        return
    schema_editor.execute(
        """
        DO $$ DECLARE key name; BEGIN
            FOR key IN SELECT conname FROM pg_constraint
                WHERE conrelid = 'agent_event'::regclass AND confrelid = 'agent_run'::regclass AND contype = 'f'
            LOOP EXECUTE format('ALTER TABLE agent_event DROP CONSTRAINT %I', key); END LOOP;
        END $$
        """,
        params=None,
    )


class Migration(migrations.Migration):
    dependencies = [("agent", "0045_tokens_of_a_project")]

    operations = [
        migrations.SeparateDatabaseAndState(
            [migrations.RunPython(drop_key, migrations.RunPython.noop)],
            [
                migrations.AlterField(
                    "event",
                    "run",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="events",
                        to="agent.run",
                    ),
                )
            ],
        )
    ]
