"""Links by which anybody sees a session."""

import uuid

from django.conf import settings
from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="SharedLink",
        fields=[
            (
                "id",
                models.UUIDField(
                    default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("digest", models.CharField(editable=False, max_length=64, unique=True)),
            (
                "shows_tasks",
                models.BooleanField(default=False, help_text="The project's tasks are shown too."),
            ),
            (
                "shows_memories",
                models.BooleanField(
                    default=False, help_text="The project's memories are shown too."
                ),
            ),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            ("expires_at", models.DateTimeField(db_index=True)),
            ("revoked_at", models.DateTimeField(blank=True, null=True)),
            (
                "created_by",
                models.ForeignKey(
                    help_text="The link works as long as this person may share the session.",
                    on_delete=models.CASCADE,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            (
                "run",
                models.ForeignKey(
                    blank=True,
                    help_text="The only run that is shown; without one, the whole session.",
                    null=True,
                    on_delete=models.CASCADE,
                    related_name="+",
                    to="agent.run",
                ),
            ),
            (
                "session",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="shared_links", to="agent.chatsession"
                ),
            ),
        ],
        options={
            "ordering": ["-created_at"],
            "indexes": [models.Index(fields=["session", "-created_at"], name="shared_link_by_age")],
        },
    ),
]
