"""Attaches the database's own full-text index to the search entries.

SQLite: an FTS5 table over the rows, kept in step by triggers. PostgreSQL: a generated `tsvector`
with a GIN index. A later migration that alters `SearchEntry` has to detach and attach the index
around it, since SQLite makes an altered table anew, without its triggers.
"""

from django.db import migrations

ATTACH = {
    "sqlite": [
        """
        CREATE VIRTUAL TABLE agent_searchindex USING fts5(
            body, neighbours,
            content='agent_searchentry', content_rowid='id', tokenize='porter unicode61'
        )
        """,
        """
        CREATE TRIGGER agent_searchentry_added AFTER INSERT ON agent_searchentry BEGIN
            INSERT INTO agent_searchindex(rowid, body, neighbours)
            VALUES (new.id, new.body, new.neighbours);
        END
        """,
        """
        CREATE TRIGGER agent_searchentry_removed AFTER DELETE ON agent_searchentry BEGIN
            INSERT INTO agent_searchindex(agent_searchindex, rowid, body, neighbours)
            VALUES ('delete', old.id, old.body, old.neighbours);
        END
        """,
        """
        CREATE TRIGGER agent_searchentry_changed AFTER UPDATE ON agent_searchentry BEGIN
            INSERT INTO agent_searchindex(agent_searchindex, rowid, body, neighbours)
            VALUES ('delete', old.id, old.body, old.neighbours);
            INSERT INTO agent_searchindex(rowid, body, neighbours)
            VALUES (new.id, new.body, new.neighbours);
        END
        """,
        "INSERT INTO agent_searchindex(agent_searchindex) VALUES ('rebuild')",
    ],
    "postgresql": [
        """
        ALTER TABLE agent_searchentry ADD COLUMN lexemes tsvector GENERATED ALWAYS AS (
            setweight(to_tsvector('english'::regconfig, body), 'A')
            || setweight(to_tsvector('english'::regconfig, neighbours), 'D')
        ) STORED
        """,
        "CREATE INDEX agent_searchentry_lexemes ON agent_searchentry USING gin (lexemes)",
    ],
}
DETACH = {
    "sqlite": [
        "DROP TRIGGER agent_searchentry_changed",
        "DROP TRIGGER agent_searchentry_removed",
        "DROP TRIGGER agent_searchentry_added",
        "DROP TABLE agent_searchindex",
    ],
    "postgresql": [
        "DROP INDEX agent_searchentry_lexemes",
        "ALTER TABLE agent_searchentry DROP COLUMN lexemes",
    ],
}


def attach(apps, schema_editor):
    for statement in ATTACH[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def detach(apps, schema_editor):
    for statement in DETACH[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("agent", "0001_initial")]

    operations = [migrations.RunPython(attach, detach)]
