"""The audit log, with a trigger that refuses changes of its entries.

There is none against deletions: `prune` deletes by age. A later migration that alters this table has to make
the trigger again, since SQLite makes an altered table anew.
"""

from django.db import migrations, models

ATTACH = {
    "sqlite": [
        """
        CREATE TRIGGER agent_auditentry_unchanged BEFORE UPDATE ON agent_auditentry BEGIN
            SELECT RAISE(ABORT, 'entries of the audit log are never changed');
        END
        """
    ],
    "postgresql": [
        """
        CREATE FUNCTION agent_auditentry_unchanged() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'entries of the audit log are never changed';
        END $$
        """,
        """
        CREATE TRIGGER agent_auditentry_unchanged BEFORE UPDATE ON agent_auditentry
        FOR EACH STATEMENT EXECUTE FUNCTION agent_auditentry_unchanged()
        """,
    ],
}
DETACH = {
    "sqlite": ["DROP TRIGGER agent_auditentry_unchanged"],
    "postgresql": [
        "DROP TRIGGER agent_auditentry_unchanged ON agent_auditentry",
        "DROP FUNCTION agent_auditentry_unchanged",
    ],
}


def attach(apps, schema_editor):
    for statement in ATTACH[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def detach(apps, schema_editor):
    for statement in DETACH[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("agent", "0040_quotas")]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(auto_now_add=True, verbose_name="time")),
                ("deed", models.CharField(help_text="A name in `Deed`.", max_length=30)),
                (
                    "actor_id",
                    models.BigIntegerField(help_text="The id of the user who did it.", null=True),
                ),
                (
                    "actor",
                    models.CharField(
                        blank=True, help_text="The user's name at that time.", max_length=150
                    ),
                ),
                ("kind", models.CharField(blank=True, help_text="Of the object.", max_length=40)),
                ("object_id", models.CharField(blank=True, max_length=64)),
                (
                    "label",
                    models.CharField(
                        blank=True, help_text="The object's name, if any.", max_length=200
                    ),
                ),
                (
                    "project",
                    models.UUIDField(help_text="In which the object is.", null=True),
                ),
                ("details", models.JSONField(blank=True, default=dict)),
                (
                    "via",
                    models.CharField(help_text="page, token, admin or command.", max_length=10),
                ),
                (
                    "address",
                    models.CharField(blank=True, help_text="Of the client.", max_length=45),
                ),
                ("request_id", models.CharField(blank=True, max_length=64)),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit log",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["at"], name="audit_by_time"),
                    models.Index(fields=["actor_id", "id"], name="audit_by_actor"),
                    models.Index(fields=["kind", "object_id", "id"], name="audit_by_object"),
                ],
            },
        ),
        migrations.RunPython(attach, detach),
    ]
