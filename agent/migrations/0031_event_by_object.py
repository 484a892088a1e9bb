from django.db import migrations

# Literally as in the statements of `agent.event_log.object_changes`.
OBJECT = {
    "sqlite": "CASE WHEN json_valid(body) THEN json_extract(body, '$.change.id') END",
    "postgresql": "((body::jsonb) #>> '{change,id}')",
}


def add(apps, schema_editor):
    schema_editor.execute(
        f"CREATE INDEX event_by_object ON agent_event (({OBJECT[schema_editor.connection.vendor]}), id) "
        "WHERE type = 'change'",
        params=None,
    )


def remove(apps, schema_editor):
    schema_editor.execute("DROP INDEX event_by_object")


class Migration(migrations.Migration):
    """The changes of a task are found in the logs of all sessions without a look at those of others."""

    dependencies = [("agent", "0030_message_index")]

    operations = [migrations.RunPython(add, remove)]
