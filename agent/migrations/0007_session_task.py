import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """A session may be about one task."""

    dependencies = [("agent", "0006_task_position")]

    operations = [
        migrations.AddField(
            model_name="chatsession",
            name="task",
            field=models.ForeignKey(
                blank=True,
                help_text="What the session is about: “it”, where a message names no other task.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="agent.task",
            ),
        ),
    ]
