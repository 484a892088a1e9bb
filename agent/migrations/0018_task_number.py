from django.db import migrations, models

# In the order in which the tasks were created. Deleted tasks count: they can be restored.
NUMBERS = """
    UPDATE agent_task SET number = ranked.number FROM (
        SELECT id, row_number() OVER (PARTITION BY project_id ORDER BY created_at, id) AS number
        FROM agent_task
    ) AS ranked WHERE ranked.id = agent_task.id
"""
LAST = """
    UPDATE agent_project SET last_task_number = (
        SELECT coalesce(max(number), 0) FROM agent_task WHERE project_id = agent_project.id
    )
"""


class Migration(migrations.Migration):
    """Tasks get a number that people say: #12, counted per project."""

    dependencies = [("agent", "0017_plan_open_points")]

    operations = [
        migrations.AddField(
            "project",
            "last_task_number",
            models.PositiveIntegerField(
                default=0, editable=False, help_text="The number of the task that was created last."
            ),
        ),
        migrations.AddField("task", "number", models.PositiveIntegerField(null=True, editable=False)),
        migrations.RunSQL([NUMBERS, LAST], migrations.RunSQL.noop),
    ]
