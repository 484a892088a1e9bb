"""Adds an index of feedback by time, for the admin, and names access tokens as the documents do."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agent", "0035_plan_estimate")]

    operations = [
        migrations.AlterModelOptions(
            name="apitoken",
            options={"ordering": ["-created_at"], "verbose_name": "access token"},
        ),
        migrations.AddIndex(
            model_name="feedback",
            index=models.Index(fields=["created_at"], name="feedback_by_time"),
        ),
    ]
