"""What Django does not describe: full-text indexes, triggers, and an index of values in JSON.

The statements are those of the migrations that introduced them.
"""

from importlib import import_module

from django.db import migrations

# Names that begin with a digit cannot be imported by a statement.
search, search_by_project, messages, by_object, quotas, audit = (
    import_module(f"agent.migrations.{name}")
    for name in (
        "0002_search_index",
        "0013_search_by_project",
        "0030_message_index",
        "0031_event_by_object",
        "0040_quotas",
        "0041_audit_log",
    )
)
SEARCH = {"sqlite": search_by_project.ATTACH, "postgresql": search.ATTACH["postgresql"]}


def attach_search(apps, schema_editor):
    for statement in SEARCH[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def attach_messages(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for statement in (*messages.ATTACH[vendor], *messages.INDEX[vendor]):
        schema_editor.execute(statement, params=None)


PARTS = (
    (attach_search, search.detach),
    (attach_messages, messages.detach),
    (by_object.add, by_object.remove),
    (quotas.attach, quotas.detach),
    (audit.attach, audit.detach),
)


def attach(apps, schema_editor):
    for forwards, _ in PARTS:
        forwards(apps, schema_editor)


def detach(apps, schema_editor):
    for _, backwards in reversed(PARTS):
        backwards(apps, schema_editor)


ATTACHED = migrations.RunPython(attach, detach)
