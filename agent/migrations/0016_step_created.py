"""Keeps which objects a step created: an approval knows them by the temporary ids of the dry run."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agent", "0015_search_one_index")]

    operations = [
        migrations.AddField(
            model_name="planstep",
            name="created",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="The ids of the objects that it created, in order.",
            ),
        ),
    ]
