"""The tokens of models that a person used stay counted when the project is deleted."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agent", "0042_account_deletion")]

    operations = [
        migrations.AlterField(
            "modeltokens",
            "project",
            models.ForeignKey(
                null=True,
                db_index=False,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="agent.project",
            ),
        ),
    ]
