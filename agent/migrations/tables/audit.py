"""The audit log."""

from django.db import migrations, models

TABLES = [
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
            ("project", models.UUIDField(help_text="In which the object is.", null=True)),
            ("details", models.JSONField(blank=True, default=dict)),
            ("via", models.CharField(help_text="page, token, admin or command.", max_length=10)),
            ("address", models.CharField(blank=True, help_text="Of the client.", max_length=45)),
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
]
