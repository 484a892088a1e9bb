"""Keeps with each run the id of the request that it came with, for the log, and its trace."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agent", "0032_token_expiry")]

    operations = [
        migrations.AddField(
            model_name="run",
            name="request_id",
            field=models.CharField(blank=True, default="", editable=False, max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="run",
            name="traceparent",
            field=models.CharField(blank=True, default="", editable=False, max_length=55),
            preserve_default=False,
        ),
    ]
