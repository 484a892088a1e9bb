import django.db.models.deletion
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models

from agent.models.base import WordsField


class Migration(migrations.Migration):
    """Tasks get what people plan with: due date, estimate, labels, criteria, assignee, `cancelled`."""

    dependencies = [
        ("agent", "0019_task_number_required"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("task", "due", models.DateField(null=True, blank=True)),
        migrations.AddField(
            "task",
            "estimate",
            models.FloatField(null=True, blank=True, help_text="Hours of work.", validators=[MinValueValidator(0), MaxValueValidator(10_000)]),
        ),
        migrations.AddField(
            "task",
            "labels",
            WordsField(help_text="Short words in lower case, with spaces between them."),
        ),
        migrations.AddField(
            "task",
            "criteria",
            models.JSONField(
                default=list,
                blank=True,
                help_text="The acceptance criteria in order, each with id, text and done.",
            ),
        ),
        migrations.AddField(
            "task",
            "assignee",
            models.ForeignKey(
                settings.AUTH_USER_MODEL,
                null=True,
                blank=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="assigned_tasks",
            ),
        ),
        migrations.AlterField(
            "task",
            "status",
            models.CharField(
                choices=[
                    ("pending", "Pending"),
                    ("in_progress", "In Progress"),
                    ("completed", "Completed"),
                    ("blocked", "Blocked"),
                    ("cancelled", "Cancelled"),
                ],
                default="pending",
                max_length=12,
            ),
        ),
    ]
