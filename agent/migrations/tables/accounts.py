"""Access tokens, feedback, counts of tokens of models, and deletions of accounts."""

import uuid

from django.conf import settings
from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="ApiToken",
        fields=[
            (
                "id",
                models.UUIDField(
                    default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("name", models.CharField(blank=True, max_length=100)),
            (
                "prefix",
                models.CharField(
                    help_text="The key's beginning, to tell tokens apart.", max_length=12
                ),
            ),
            ("digest", models.CharField(editable=False, max_length=64, unique=True)),
            (
                "scope",
                models.CharField(
                    choices=[("read", "Read"), ("write", "Write")], default="write", max_length=10
                ),
            ),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            ("last_used_at", models.DateTimeField(blank=True, null=True)),
            ("revoked_at", models.DateTimeField(blank=True, null=True)),
            (
                "user",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="api_tokens", to=settings.AUTH_USER_MODEL
                ),
            ),
            ("expires_at", models.DateTimeField(blank=True, help_text="Empty: never.", null=True)),
            (
                "project",
                models.ForeignKey(
                    blank=True,
                    help_text="The only project that the token opens; empty: all of the user's.",
                    null=True,
                    on_delete=models.CASCADE,
                    related_name="+",
                    to="agent.project",
                ),
            ),
        ],
        options={
            "ordering": ["-created_at"],
            "verbose_name": "access token",
        },
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
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="+",
                    to="agent.project",
                ),
            ),
            (
                "user",
                models.ForeignKey(
                    db_index=False,
                    on_delete=models.CASCADE,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
        ],
        options={
            "verbose_name_plural": "model tokens",
            "indexes": [models.Index(fields=["project", "day"], name="model_tokens_of_project")],
            "constraints": [
                models.UniqueConstraint(
                    fields=("user", "day", "project"), name="one_count_of_tokens_per_day"
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="Feedback",
        fields=[
            (
                "id",
                models.UUIDField(
                    default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                ),
            ),
            (
                "target",
                models.CharField(
                    default="answer",
                    help_text="answer, progress, or a plan step's id",
                    max_length=50,
                ),
            ),
            ("value", models.SmallIntegerField(choices=[(1, "Helpful"), (-1, "Not Helpful")])),
            ("comment", models.TextField(blank=True)),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            (
                "user",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="feedback", to=settings.AUTH_USER_MODEL
                ),
            ),
            (
                "run",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="feedback", to="agent.run"
                ),
            ),
        ],
        options={
            "verbose_name_plural": "feedback",
            "ordering": ["-created_at"],
            "indexes": [models.Index(fields=["created_at"], name="feedback_by_time")],
            "constraints": [
                models.UniqueConstraint(
                    fields=("run", "user", "target"), name="one_feedback_per_target"
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="AccountDeletion",
        fields=[
            (
                "user",
                models.OneToOneField(
                    on_delete=models.CASCADE,
                    primary_key=True,
                    related_name="+",
                    serialize=False,
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            ("began_at", models.DateTimeField(auto_now_add=True)),
        ],
    ),
]
