"""Keeps which steps have arguments that were filled from results before a person saw them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agent", "0026_switched_off_tools")]

    operations = [
        migrations.AddField(
            model_name="planstep",
            name="untrusted",
            field=models.BooleanField(
                default=False,
                editable=False,
                help_text="Its arguments were filled from results of earlier steps.",
            ),
        ),
    ]
