"""Plans, their steps, and approvals."""

import uuid

from django.conf import settings
from django.db import migrations, models

TABLES = [
    migrations.CreateModel(
        name="PlanRevision",
        fields=[
            (
                "id",
                models.UUIDField(
                    default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("revision", models.PositiveIntegerField()),
            ("summary", models.TextField(blank=True)),
            ("digest", models.CharField(help_text="SHA-256 of the steps' actions.", max_length=64)),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            (
                "run",
                models.ForeignKey(on_delete=models.CASCADE, related_name="plans", to="agent.run"),
            ),
            (
                "assumptions",
                models.JSONField(
                    blank=True, default=list, help_text="text, and the steps that rest on it."
                ),
            ),
            (
                "questions",
                models.JSONField(
                    blank=True, default=list, help_text="Open questions: question, choices."
                ),
            ),
            ("high_ms", models.PositiveBigIntegerField(editable=False, null=True)),
            ("low_ms", models.PositiveBigIntegerField(editable=False, null=True)),
        ],
        options={
            "ordering": ["run", "revision"],
            "indexes": [models.Index(fields=["created_at"], name="plan_by_time")],
            "constraints": [
                models.UniqueConstraint(fields=("run", "revision"), name="one_plan_per_revision")
            ],
        },
    ),
    migrations.CreateModel(
        name="PlanStep",
        fields=[
            (
                "id",
                models.BigAutoField(
                    auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                ),
            ),
            ("key", models.CharField(help_text="The step's id within its plan.", max_length=40)),
            ("position", models.PositiveIntegerField()),
            ("type", models.CharField(max_length=10)),
            ("tool", models.CharField(blank=True, max_length=100)),
            ("description", models.TextField(blank=True)),
            ("arguments", models.JSONField(default=dict)),
            ("depends_on", models.JSONField(default=list)),
            (
                "status",
                models.CharField(
                    choices=[
                        ("pending", "Pending"),
                        ("running", "Running"),
                        ("succeeded", "Succeeded"),
                        ("failed", "Failed"),
                        ("skipped", "Skipped"),
                        ("cancelled", "Cancelled"),
                    ],
                    default="pending",
                    max_length=10,
                ),
            ),
            ("started_at", models.DateTimeField(blank=True, null=True)),
            ("finished_at", models.DateTimeField(blank=True, null=True)),
            ("result", models.JSONField(blank=True, null=True)),
            ("error", models.TextField(blank=True)),
            (
                "plan",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="steps", to="agent.planrevision"
                ),
            ),
            (
                "created",
                models.JSONField(
                    blank=True,
                    default=list,
                    help_text="The ids of the objects that it created, in order.",
                ),
            ),
            (
                "sub_steps",
                models.JSONField(blank=True, default=list, help_text="What its tool reported."),
            ),
            (
                "untrusted",
                models.BooleanField(
                    default=False,
                    editable=False,
                    help_text="Its arguments were filled from results of earlier steps.",
                ),
            ),
            ("high_ms", models.PositiveBigIntegerField(editable=False, null=True)),
            ("low_ms", models.PositiveBigIntegerField(editable=False, null=True)),
        ],
        options={
            "ordering": ["plan", "position"],
            "constraints": [
                models.UniqueConstraint(fields=("plan", "key"), name="one_step_per_key")
            ],
        },
    ),
    migrations.CreateModel(
        name="Approval",
        fields=[
            (
                "id",
                models.UUIDField(
                    default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                ),
            ),
            (
                "status",
                models.CharField(
                    choices=[
                        ("requested", "Requested"),
                        ("approved", "Approved"),
                        ("rejected", "Rejected"),
                        ("expired", "Expired"),
                    ],
                    default="requested",
                    max_length=10,
                ),
            ),
            ("reason", models.TextField(blank=True)),
            ("requested_at", models.DateTimeField(auto_now_add=True)),
            ("decided_at", models.DateTimeField(blank=True, null=True)),
            (
                "decided_by",
                models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            (
                "plan",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="approvals", to="agent.planrevision"
                ),
            ),
            (
                "run",
                models.ForeignKey(
                    on_delete=models.CASCADE, related_name="approvals", to="agent.run"
                ),
            ),
            (
                "digest",
                models.CharField(
                    blank=True,
                    help_text="Of the plan that was shown. The approval is valid for no other plan.",
                    max_length=64,
                ),
            ),
            (
                "effects",
                models.JSONField(
                    blank=True,
                    default=list,
                    help_text="The changes of each step, as shown to the person.",
                ),
            ),
            (
                "estimate",
                models.JSONField(
                    blank=True,
                    help_text="low_ms, median_ms, high_ms; null when unknown.",
                    null=True,
                ),
            ),
            ("expires_at", models.DateTimeField(blank=True, null=True)),
            (
                "comments",
                models.JSONField(
                    blank=True,
                    default=list,
                    help_text="Of a rejection, on steps of the plan: step, text.",
                ),
            ),
        ],
        options={
            "ordering": ["requested_at", "id"],
            "indexes": [
                models.Index(
                    condition=models.Q(("status", "requested")),
                    fields=["expires_at"],
                    name="approval_by_expiry",
                ),
                models.Index(fields=["requested_at"], name="approval_by_time"),
            ],
        },
    ),
]
