"""Runs, and what is kept of their work."""

import uuid
from importlib import import_module

from django.conf import settings
from django.db import migrations, models

# A name that begins with a digit cannot be imported by a statement.
of_project = import_module("agent.migrations.0045_tokens_of_a_project")

TABLES = [
    migrations.CreateModel(
        name="Run",
        fields=[
            (
                "id",
                models.UUIDField(
                    default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                ),
            ),
            (
                "number",
                models.PositiveIntegerField(
                    help_text="1 for the session's first run. Runs execute in this order."
                ),
            ),
            (
                "status",
                models.CharField(
                    choices=[
                        ("queued", "Queued"),
                        ("running", "Running"),
                        ("waiting", "Waiting"),
                        ("succeeded", "Succeeded"),
                        ("failed", "Failed"),
                        ("cancelled", "Cancelled"),
                    ],
                    default="queued",
                    max_length=10,
                ),
            ),
            (
                "approval",
                models.CharField(
                    choices=[("auto", "Auto"), ("required", "Required")],
                    default="auto",
                    max_length=10,
                ),
            ),
            (
                "model",
                models.CharField(blank=True, help_text="The model that answered.", max_length=200),
            ),
            (
                "given",
                models.JSONField(
                    blank=True,
                    default=dict,
                    editable=False,
                    help_text="project_context and conversation_history, if the caller passed them",
                ),
            ),
            ("attempt", models.PositiveIntegerField(default=0, editable=False)),
            ("claims", models.PositiveIntegerField(default=0, editable=False)),
            ("lease_owner", models.CharField(blank=True, editable=False, max_length=200)),
            ("lease_until", models.DateTimeField(blank=True, editable=False, null=True)),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            ("started_at", models.DateTimeField(blank=True, null=True)),
            ("finished_at", models.DateTimeField(blank=True, null=True)),
            (
                "usage",
                models.JSONField(
                    blank=True, default=dict, help_text="input_tokens, output_tokens, calls"
                ),
            ),
            ("error", models.TextField(blank=True)),
            ("error_code", models.CharField(blank=True, max_length=30)),
            ("retryable", models.BooleanField(default=False)),
            (
                "partial",
                models.TextField(
                    blank=True, help_text="The beginning of an answer that was cut off."
                ),
            ),
            (
                "answer",
                models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="answered_runs",
                    to="agent.message",
                ),
            ),
            (
                "created_by",
                models.ForeignKey(
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="runs",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            (
                "message",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="runs", to="agent.message"
                ),
            ),
            (
                "retry_of",
                models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="retries",
                    to="agent.run",
                ),
            ),
            (
                "session",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="runs", to="agent.chatsession"
                ),
            ),
            (
                "task",
                models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="+",
                    to="agent.task",
                ),
            ),
            (
                "counted",
                models.BooleanField(
                    default=True,
                    editable=False,
                    help_text="Counts towards the user's messages per minute. Runs of a batch do not.",
                ),
            ),
            (
                "replanned",
                models.BooleanField(
                    default=False,
                    editable=False,
                    help_text="After a failed step, a new plan for the rest was attempted. At most once per run.",
                ),
            ),
            (
                "left_open",
                models.CharField(
                    blank=True,
                    choices=[("question", "Question"), ("failure", "Failure")],
                    help_text="What the run left for a person to do; empty for nothing, or when it was dismissed.",
                    max_length=10,
                ),
            ),
            (
                "batch",
                models.ForeignKey(
                    blank=True,
                    db_index=False,
                    editable=False,
                    help_text="The batch that the run counts for.",
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="runs",
                    to="agent.batch",
                ),
            ),
            ("request_id", models.CharField(blank=True, editable=False, max_length=64)),
            ("traceparent", models.CharField(blank=True, editable=False, max_length=55)),
            (
                "silence_ms",
                models.PositiveBigIntegerField(
                    editable=False,
                    help_text="The longest time between two updates, in milliseconds.",
                    null=True,
                ),
            ),
            (
                "updates",
                models.PositiveIntegerField(
                    editable=False,
                    help_text="Events that told of its work, before its end.",
                    null=True,
                ),
            ),
            (
                "of_day",
                models.PositiveIntegerField(
                    editable=False,
                    help_text="Which of its person's runs of that day it is, from 1.",
                    null=True,
                ),
            ),
        ],
        options={
            "ordering": ["session", "number"],
            "indexes": [
                models.Index(
                    condition=models.Q(("status__in", ["queued", "running", "waiting"])),
                    fields=["session", "number"],
                    name="run_unfinished",
                ),
                models.Index(fields=["created_by", "created_at"], name="run_by_person"),
                models.Index(fields=["created_at"], name="run_by_time"),
                models.Index(
                    condition=models.Q(("left_open__in", ["question", "failure"])),
                    fields=["created_by"],
                    name="run_left",
                ),
                models.Index(
                    condition=models.Q(("batch__isnull", False)),
                    fields=["batch", "status"],
                    name="run_of_batch",
                ),
            ],
            "constraints": [
                models.UniqueConstraint(fields=("session", "number"), name="one_run_per_number")
            ],
        },
    ),
    migrations.CreateModel(
        name="PhaseResult",
        fields=[
            (
                "id",
                models.BigAutoField(
                    auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                ),
            ),
            ("phase", models.CharField(max_length=40)),
            ("result", models.JSONField(default=dict)),
            ("started_at", models.DateTimeField()),
            ("duration_ms", models.PositiveIntegerField()),
            (
                "run",
                models.ForeignKey(on_delete=models.CASCADE, related_name="phases", to="agent.run"),
            ),
            (
                "sub_steps",
                models.JSONField(blank=True, default=list, help_text="What a reading reported."),
            ),
            ("high_ms", models.PositiveBigIntegerField(editable=False, null=True)),
            ("low_ms", models.PositiveBigIntegerField(editable=False, null=True)),
        ],
        options={
            "ordering": ["started_at", "id"],
            "constraints": [
                models.UniqueConstraint(fields=("run", "phase"), name="one_result_per_phase")
            ],
        },
    ),
    migrations.CreateModel(
        name="ModelCall",
        fields=[
            (
                "id",
                models.UUIDField(
                    default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                ),
            ),
            (
                "verb",
                models.CharField(help_text="analyze, plan, answer, consolidate.", max_length=20),
            ),
            ("model", models.CharField(max_length=200)),
            (
                "prompt",
                models.BinaryField(
                    help_text="The turns, as `agent.llm.writing.pack` returns them."
                ),
            ),
            ("text", models.TextField(blank=True)),
            (
                "thoughts",
                models.TextField(blank=True, help_text="The reasoning that the server sent."),
            ),
            (
                "error",
                models.TextField(blank=True, help_text="Why the call failed; empty if it did not."),
            ),
            (
                "input_tokens",
                models.PositiveIntegerField(
                    help_text="As the server counts them; 0 if it does not."
                ),
            ),
            ("output_tokens", models.PositiveIntegerField()),
            ("started_at", models.DateTimeField()),
            (
                "first_ms",
                models.PositiveIntegerField(
                    blank=True,
                    help_text="Until the first word, of the text or the reasoning.",
                    null=True,
                ),
            ),
            ("duration_ms", models.PositiveIntegerField()),
            (
                "run",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="model_calls", to="agent.run"
                ),
            ),
        ],
        options={
            "ordering": ["started_at", "id"],
            "indexes": [models.Index(fields=["started_at"], name="model_call_by_time")],
        },
    ),
    migrations.CreateModel(
        name="Steering",
        fields=[
            (
                "message",
                models.OneToOneField(
                    on_delete=models.CASCADE,
                    primary_key=True,
                    related_name="steering",
                    serialize=False,
                    to="agent.message",
                ),
            ),
            (
                "status",
                models.CharField(
                    choices=[("taken", "Taken"), ("applied", "Applied"), ("next", "Next")],
                    default="taken",
                    max_length=10,
                ),
            ),
            (
                "plan_revision",
                models.PositiveIntegerField(
                    blank=True, help_text="Of the plan that was made with it.", null=True
                ),
            ),
            (
                "run",
                models.ForeignKey(
                    db_index=False,
                    on_delete=models.CASCADE,
                    related_name="steering",
                    to="agent.run",
                ),
            ),
        ],
        options={
            "ordering": ["message__created_at", "message"],
            "indexes": [models.Index(fields=["run", "status"], name="steering_of_run")],
        },
    ),
]
COLUMNS = [
    migrations.SeparateDatabaseAndState(
        [migrations.RunPython(of_project.add_column, of_project.drop_column)],
        [
            migrations.AddField(
                "run",
                "within_project",
                models.BooleanField(
                    db_default=False,
                    default=False,
                    editable=False,
                    help_text="A program with a token for this project alone has a say in it: it creates "
                    "no project.",
                ),
            )
        ],
    ),
]
