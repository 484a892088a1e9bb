from django.db import migrations, models


class Migration(migrations.Migration):
    """Every task has a number, and no other task of its project has the same."""

    dependencies = [("agent", "0018_task_number")]

    operations = [
        migrations.AlterField(
            "task",
            "number",
            models.PositiveIntegerField(
                editable=False, help_text="What people call the task: #12. Counted per project."
            ),
        ),
        migrations.AddConstraint(
            "task",
            models.UniqueConstraint(fields=["project", "number"], name="one_task_per_number"),
        ),
    ]
