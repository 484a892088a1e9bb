"""Makes a search read nothing of other projects, and the newest entries of a project first.

SQLite: the full-text index gets the scope of each entry as a word in a column of its own.
"""

from importlib import import_module

from django.db import migrations, models

# A name that begins with a digit cannot be imported by a statement.
before = import_module("agent.migrations.0002_search_index")

INSERT = """
    INSERT INTO agent_searchindex(rowid, body, neighbours, scope)
    VALUES (new.id, new.body, new.neighbours, new.kind || new.project_id)
"""
DELETE = """
    INSERT INTO agent_searchindex(agent_searchindex, rowid, body, neighbours, scope)
    VALUES ('delete', old.id, old.body, old.neighbours, old.kind || old.project_id)
"""
ATTACH = [
    """
    CREATE VIRTUAL TABLE agent_searchindex USING fts5(
        body, neighbours, scope, content='', tokenize='porter unicode61'
    )
    """,
    f"CREATE TRIGGER agent_searchentry_added AFTER INSERT ON agent_searchentry BEGIN {INSERT}; END",
    f"CREATE TRIGGER agent_searchentry_removed AFTER DELETE ON agent_searchentry BEGIN {DELETE}; END",
    f"""
    CREATE TRIGGER agent_searchentry_changed AFTER UPDATE ON agent_searchentry
    BEGIN {DELETE}; {INSERT}; END
    """,
    """
    INSERT INTO agent_searchindex(rowid, body, neighbours, scope)
    SELECT id, body, neighbours, kind || project_id FROM agent_searchentry
    """,
]


def forwards(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        before.detach(apps, schema_editor)
        for statement in ATTACH:
            schema_editor.execute(statement)


def backwards(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        before.detach(apps, schema_editor)
        before.attach(apps, schema_editor)


class Migration(migrations.Migration):
    dependencies = [("agent", "0012_lists_by_time")]

    operations = [
        migrations.RemoveIndex(model_name="searchentry", name="search_by_project"),
        migrations.AddIndex(
            model_name="searchentry",
            index=models.Index(fields=["project", "kind", "id"], name="search_by_project"),
        ),
        migrations.RunPython(forwards, backwards),
    ]
