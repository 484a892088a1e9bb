"""What is compared with quotas: counts of tasks and memories, bytes of event logs, runs and tokens of a day.

As SQL where a column has a default: Django would make the table anew on SQLite, without its triggers. Bytes
are counted from now on; those of earlier events are not, since all of them would have to be read.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

COUNT = """
    UPDATE agent_project SET
        stored_tasks = (
            SELECT count(*) FROM agent_task WHERE project_id = agent_project.id AND deleted_at IS NULL
        ),
        stored_memories = (
            SELECT count(*) FROM agent_memory
            WHERE project_id = agent_project.id AND deleted_at IS NULL
        )
"""
FREED = """
    UPDATE agent_project SET stored_bytes = CASE
        WHEN stored_bytes > OLD.counted_bytes THEN stored_bytes - OLD.counted_bytes ELSE 0 END
    WHERE id = OLD.project_id
"""
# However a session is deleted: alone, with its batch, or in the admin panel.
TRIGGERS = {
    "sqlite": [
        f"CREATE TRIGGER agent_session_deleted AFTER DELETE ON agent_chatsession BEGIN {FREED}; END"
    ],
    "postgresql": [
        f"""
        CREATE FUNCTION agent_session_deleted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            {FREED};
            RETURN NULL;
        END $$
        """,
        """
        CREATE TRIGGER agent_session_deleted AFTER DELETE ON agent_chatsession
        FOR EACH ROW EXECUTE FUNCTION agent_session_deleted()
        """,
    ],
}
DROP = {
    "sqlite": ["DROP TRIGGER agent_session_deleted"],
    "postgresql": [
        "DROP TRIGGER agent_session_deleted ON agent_chatsession",
        "DROP FUNCTION agent_session_deleted()",
    ],
}


def attach(apps, schema_editor):
    for statement in TRIGGERS[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def detach(apps, schema_editor):
    for statement in DROP[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def counted(model, name, field, type, **options):
    """Returns the operation that adds a count, which is 0 at first."""
    table = f"agent_{model}"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD COLUMN {name} {type} NOT NULL DEFAULT 0 CHECK ({name} >= 0)",
        f"ALTER TABLE {table} DROP COLUMN {name}",
        state_operations=[
            migrations.AddField(model, name, field(default=0, db_default=0, editable=False, **options))
        ],
    )


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("agent", "0039_pruned_rows"),
    ]

    operations = [
        counted(
            "project",
            "stored_tasks",
            models.PositiveIntegerField,
            "integer",
            help_text="Tasks that are not deleted.",
        ),
        counted(
            "project",
            "stored_memories",
            models.PositiveIntegerField,
            "integer",
            help_text="Memories that are not deleted.",
        ),
        counted(
            "project",
            "stored_bytes",
            models.PositiveBigIntegerField,
            "bigint",
            help_text="Bytes of the event logs as of the latest messages, and of changes outside of them.",
        ),
        counted(
            "project",
            "runs_day",
            models.PositiveIntegerField,
            "integer",
            help_text="The day of the latest run, as a number.",
        ),
        counted(
            "project",
            "runs_of_day",
            models.PositiveIntegerField,
            "integer",
            help_text="How many runs began on that day.",
        ),
        counted(
            "chatsession",
            "stored_bytes",
            models.PositiveBigIntegerField,
            "bigint",
            help_text="Bytes of the events in its log.",
        ),
        counted(
            "chatsession",
            "counted_bytes",
            models.PositiveBigIntegerField,
            "bigint",
            help_text="Those of them that its project's `stored_bytes` has.",
        ),
        migrations.AddField(
            "run",
            "of_day",
            models.PositiveIntegerField(
                null=True,
                editable=False,
                help_text="Which of its person's runs of that day it is, from 1.",
            ),
        ),
        migrations.CreateModel(
            name="ModelTokens",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "day",
                    models.PositiveIntegerField(
                        help_text="As a number: see `agent.accounts.quotas.today`."
                    ),
                ),
                ("tokens", models.PositiveBigIntegerField(help_text="Of prompts and answers.")),
                (
                    "project",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="agent.project",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "model tokens",
                "indexes": [
                    models.Index(fields=["project", "day"], name="model_tokens_of_project")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=["user", "day", "project"], name="one_count_of_tokens_per_day"
                    )
                ],
            },
        ),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
        migrations.RunPython(attach, detach),
    ]
