from django.db import migrations, models
from django.db.models import F

GAP = 2**24


def make_room(apps, schema_editor):
    tasks = apps.get_model("agent", "Task")._base_manager
    tasks.update(position=F("position") * GAP)


def take_room(apps, schema_editor):
    tasks = apps.get_model("agent", "Task")._base_manager
    tasks.update(position=F("position") / GAP)


class Migration(migrations.Migration):
    """A task is moved between two others without a change of those."""

    dependencies = [("agent", "0005_approval_preview")]

    operations = [
        migrations.AlterField(
            model_name="task",
            name="position",
            field=models.BigIntegerField(
                default=0,
                help_text="Order on the board, ascending, with room between neighbours.",
            ),
        ),
        migrations.RunPython(make_room, take_room),
    ]
