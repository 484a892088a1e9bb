"""Keeps what the analytics need of a run and what was estimated. Of earlier rows it is unknown."""

from django.db import migrations, models


def estimated():
    return models.PositiveBigIntegerField(editable=False, null=True)


class Migration(migrations.Migration):
    dependencies = [("agent", "0033_origin_of_runs")]

    operations = [
        migrations.AddField(model_name="phaseresult", name="high_ms", field=estimated()),
        migrations.AddField(model_name="phaseresult", name="low_ms", field=estimated()),
        migrations.AddField(model_name="planstep", name="high_ms", field=estimated()),
        migrations.AddField(model_name="planstep", name="low_ms", field=estimated()),
        migrations.AddField(
            model_name="run",
            name="silence_ms",
            field=models.PositiveBigIntegerField(
                editable=False,
                help_text="The longest time between two updates, in milliseconds.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="updates",
            field=models.PositiveIntegerField(
                editable=False, help_text="Events that told of its work, before its end.", null=True
            ),
        ),
    ]
