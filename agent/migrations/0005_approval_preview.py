from django.db import migrations, models


class Migration(migrations.Migration):
    """What a person who is asked about a plan was shown, and until when the question stands."""

    dependencies = [("agent", "0004_session_approval")]

    operations = [
        migrations.AddField(
            model_name="approval",
            name="digest",
            field=models.CharField(
                blank=True,
                help_text="Of the plan that was shown; it stands for no other.",
                max_length=64,
            ),
        ),
        migrations.AddField(
            model_name="approval",
            name="effects",
            field=models.JSONField(
                blank=True, default=list, help_text="What each step would change, as it was shown."
            ),
        ),
        migrations.AddField(
            model_name="approval",
            name="estimate",
            field=models.JSONField(
                blank=True, help_text="low_ms, median_ms, high_ms; null when unknown.", null=True
            ),
        ),
        migrations.AddField(
            model_name="approval",
            name="expires_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="approval",
            index=models.Index(
                condition=models.Q(("status", "requested")),
                fields=["expires_at"],
                name="approval_by_expiry",
            ),
        ),
    ]
