"""The log of events, and the drafts of answers."""

from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="Draft",
        fields=[
            (
                "run",
                models.OneToOneField(
                    on_delete=models.CASCADE, primary_key=True, serialize=False, to="agent.run"
                ),
            ),
            ("attempt", models.PositiveIntegerField()),
            (
                "seq",
                models.PositiveBigIntegerField(help_text="The last event of the session by then."),
            ),
            ("written_ms", models.PositiveBigIntegerField(help_text="Milliseconds since 1970.")),
            ("body", models.TextField(help_text="The fields of the frame, as JSON.")),
        ],
    ),
    migrations.CreateModel(
        name="Event",
        fields=[
            (
                "id",
                models.BigAutoField(
                    auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                ),
            ),
            ("seq", models.PositiveBigIntegerField()),
            ("type", models.CharField(max_length=20)),
            ("body", models.TextField(help_text="The frame as sent to clients, as JSON.")),
            (
                "session",
                models.ForeignKey(
                    db_index=False,
                    on_delete=models.CASCADE,
                    related_name="events",
                    to="agent.chatsession",
                ),
            ),
            (
                "run",
                models.ForeignKey(
                    db_constraint=False,
                    db_index=False,
                    null=True,
                    on_delete=models.DO_NOTHING,
                    related_name="events",
                    to="agent.run",
                ),
            ),
        ],
        options={
            "ordering": ["session", "seq"],
            "indexes": [
                models.Index(
                    condition=models.Q(("type", "change")),
                    fields=["session", "seq"],
                    name="event_changes",
                ),
                models.Index(
                    condition=models.Q(("type", "run")),
                    fields=["run", "seq"],
                    name="event_run_states",
                ),
            ],
            "constraints": [
                models.UniqueConstraint(fields=("session", "seq"), name="one_event_per_seq")
            ],
        },
    ),
]
