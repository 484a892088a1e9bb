"""Attaches the database's own full-text index to the messages, and indexes the existing ones in batches.

Triggers write the entries, so that the index has every message that is committed: with its project, and for
PostgreSQL the words of all messages of a statement at once. A later migration that alters `Message` has to
detach and attach the index around it, since SQLite makes an altered table anew, without its triggers.
"""

from django.db import migrations, models

from agent.models.base import DistinctWordsField
from agent.support.words import distinct_words

BATCH = 1000

SQLITE_INSERT = """
    INSERT INTO agent_messageindex(rowid, words, scope)
    SELECT entry.id, new.words, entry.project_id FROM agent_messageentry entry
    WHERE entry.message_id = new.id
"""
SQLITE_DELETE = """
    INSERT INTO agent_messageindex(agent_messageindex, rowid, words, scope)
    SELECT 'delete', entry.id, old.words, entry.project_id FROM agent_messageentry entry
    WHERE entry.message_id = old.id
"""
ATTACH = {
    "sqlite": [
        """
        CREATE VIRTUAL TABLE agent_messageindex USING fts5(
            words, scope, content='', prefix='1 2 3',
            tokenize="unicode61 remove_diacritics 0 categories 'L* M* N* Co'"
        )
        """,
        f"""
        CREATE TRIGGER agent_message_added AFTER INSERT ON agent_message BEGIN
            INSERT INTO agent_messageentry(message_id, project_id)
            SELECT new.id, project_id FROM agent_chatsession WHERE id = new.session_id;
            {SQLITE_INSERT};
        END
        """,
        f"""
        CREATE TRIGGER agent_message_changed AFTER UPDATE OF words ON agent_message
        WHEN old.words <> new.words BEGIN {SQLITE_DELETE}; {SQLITE_INSERT}; END
        """,
        f"""
        CREATE TRIGGER agent_message_removed AFTER DELETE ON agent_message BEGIN
            {SQLITE_DELETE};
            DELETE FROM agent_messageentry WHERE message_id = old.id;
        END
        """,
    ],
    "postgresql": [
        "ALTER TABLE agent_messageentry ADD COLUMN lexemes tsvector",
        """
        CREATE FUNCTION agent_message_lexemes(words text, project uuid) RETURNS tsvector
        LANGUAGE sql IMMUTABLE AS $$
            SELECT array_to_tsvector(string_to_array(words, ' ') || ('in ' || project::text))
        $$
        """,
        """
        CREATE FUNCTION agent_message_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO agent_messageentry(message_id, project_id, lexemes)
            SELECT message.id, session.project_id, agent_message_lexemes(message.words, session.project_id)
            FROM added message JOIN agent_chatsession session ON session.id = message.session_id
            ORDER BY message.created_at, message.id;
            RETURN NULL;
        END $$
        """,
        """
        CREATE FUNCTION agent_message_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            UPDATE agent_messageentry SET lexemes = agent_message_lexemes(new.words, project_id)
            WHERE message_id = new.id;
            RETURN NULL;
        END $$
        """,
        """
        CREATE FUNCTION agent_message_removed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            DELETE FROM agent_messageentry WHERE message_id IN (SELECT id FROM removed);
            RETURN NULL;
        END $$
        """,
        """
        CREATE TRIGGER agent_message_added AFTER INSERT ON agent_message REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION agent_message_added()
        """,
        """
        CREATE TRIGGER agent_message_changed AFTER UPDATE ON agent_message
        FOR EACH ROW WHEN (old.words IS DISTINCT FROM new.words) EXECUTE FUNCTION agent_message_changed()
        """,
        """
        CREATE TRIGGER agent_message_removed AFTER DELETE ON agent_message REFERENCING OLD TABLE AS removed
        FOR EACH STATEMENT EXECUTE FUNCTION agent_message_removed()
        """,
    ],
}
# After the existing messages.
INDEX = {
    "sqlite": [],
    "postgresql": ["CREATE INDEX agent_messageentry_lexemes ON agent_messageentry USING gin (lexemes)"],
}
DETACH = {
    "sqlite": [
        "DROP TRIGGER agent_message_removed",
        "DROP TRIGGER agent_message_changed",
        "DROP TRIGGER agent_message_added",
        "DROP TABLE agent_messageindex",
    ],
    "postgresql": [
        "DROP TRIGGER agent_message_removed ON agent_message",
        "DROP TRIGGER agent_message_changed ON agent_message",
        "DROP TRIGGER agent_message_added ON agent_message",
        "DROP FUNCTION agent_message_removed",
        "DROP FUNCTION agent_message_changed",
        "DROP FUNCTION agent_message_added",
        "ALTER TABLE agent_messageentry DROP COLUMN lexemes",
        "DROP FUNCTION agent_message_lexemes",
    ],
}
# Of the entries from an id on.
ADD_WORDS = {
    "sqlite": """
        INSERT INTO agent_messageindex(rowid, words, scope)
        SELECT entry.id, message.words, entry.project_id FROM agent_messageentry entry
        JOIN agent_message message ON message.id = entry.message_id WHERE entry.id > %s
    """,
    "postgresql": """
        UPDATE agent_messageentry entry
        SET lexemes = agent_message_lexemes(message.words, entry.project_id)
        FROM agent_message message WHERE message.id = entry.message_id AND entry.id > %s
    """,
}


def attach(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for statement in ATTACH[vendor]:
        schema_editor.execute(statement, params=None)
    _index_existing(apps, schema_editor)
    for statement in INDEX[vendor]:
        schema_editor.execute(statement)


def _index_existing(apps, schema_editor):
    messages, entries = (apps.get_model("agent", name) for name in ("Message", "MessageEntry"))
    rows = messages._base_manager.order_by("created_at", "pk")
    of_session = rows.values_list("pk", "content", "session__project_id")
    batch = []
    for row in of_session.iterator(BATCH):
        batch.append(row)
        if len(batch) == BATCH:
            _index(batch, messages, entries, schema_editor)
            batch = []
    _index(batch, messages, entries, schema_editor)


def _index(batch, messages, entries, schema_editor):
    """Sets the words before there are entries, so that no trigger does anything."""
    if not batch:
        return
    messages._base_manager.bulk_update(
        [
            messages(pk=key, content=content, words=distinct_words(content))
            for key, content, _ in batch
        ],
        ["words"],
        batch_size=200,
    )
    last = entries._base_manager.aggregate(last=models.Max("pk"))["last"] or 0
    entries._base_manager.bulk_create(
        entries(message_id=key, project_id=project) for key, _, project in batch
    )
    schema_editor.execute(ADD_WORDS[schema_editor.connection.vendor], [last])


def detach(apps, schema_editor):
    for statement in DETACH[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("agent", "0029_batches")]

    operations = [
        migrations.AddField("message", "words", DistinctWordsField(of="content")),
        migrations.CreateModel(
            name="MessageEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("message_id", models.UUIDField(unique=True)),
                ("project_id", models.UUIDField()),
            ],
            options={"verbose_name_plural": "message entries"},
        ),
        migrations.RunPython(attach, detach),
    ]
