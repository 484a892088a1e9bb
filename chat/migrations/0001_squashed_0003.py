"""All tables of a new database at once. A database that has some of the replaced migrations gets the others."""

from django.conf import settings
from django.db import migrations, models

from agent.migrations.tables.rendered_once import RenderedOnce

KEPT_ANSWERS = migrations.CreateModel(
    name="KeptAnswer",
    fields=[
        (
            "id",
            models.BigAutoField(
                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
            ),
        ),
        ("key", models.CharField(max_length=255)),
        ("digest", models.CharField(help_text="SHA-256 of the request.", max_length=64)),
        (
            "status",
            models.PositiveSmallIntegerField(help_text="None while it is carried out.", null=True),
        ),
        ("headers", models.JSONField(default=dict)),
        ("body", models.TextField(blank=True)),
        ("began_at", models.DateTimeField()),
        (
            "user",
            models.ForeignKey(
                on_delete=models.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
    ],
    options={
        "indexes": [models.Index(fields=["began_at"], name="kept_answer_by_age")],
        "constraints": [models.UniqueConstraint(fields=("user", "key"), name="one_answer_per_key")],
    },
)
ALIASES = migrations.CreateModel(
    name="Alias",
    fields=[
        (
            "id",
            models.BigAutoField(
                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
            ),
        ),
        (
            "kind",
            models.CharField(choices=[("thread", "Thread"), ("run", "Run")], max_length=6),
        ),
        ("name", models.CharField(max_length=255)),
        (
            "after",
            models.PositiveBigIntegerField(
                default=0,
                help_text="A run begins behind this event: one that resumes, in the midst of ours.",
            ),
        ),
        ("created_at", models.DateTimeField(auto_now_add=True)),
        (
            "run",
            models.ForeignKey(
                null=True, on_delete=models.CASCADE, related_name="+", to="agent.run"
            ),
        ),
        (
            "session",
            models.ForeignKey(on_delete=models.CASCADE, related_name="+", to="agent.chatsession"),
        ),
        (
            "user",
            models.ForeignKey(
                on_delete=models.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        (
            "only_project",
            models.UUIDField(
                help_text="The project of the token, if it is for one: its names are its own.",
                null=True,
            ),
        ),
    ],
    options={
        "constraints": [
            models.UniqueConstraint(
                condition=models.Q(("only_project", None)),
                fields=("user", "kind", "name"),
                name="one_alias_per_name",
            ),
            models.UniqueConstraint(
                condition=models.Q(("only_project__isnull", False)),
                fields=("user", "kind", "name", "only_project"),
                name="one_alias_per_name_and_project",
            ),
        ],
    },
)


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ("agent", "0007_session_task"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    replaces = [
        ("chat", "0001_kept_answers"),
        ("chat", "0002_aliases"),
        ("chat", "0003_names_of_tokens_of_a_project"),
    ]
    operations = [RenderedOnce([KEPT_ANSWERS, ALIASES])]
