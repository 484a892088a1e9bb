from django.db import migrations, models


class Migration(migrations.Migration):
    """The changes that a session's log tells are found without a look at its other events."""

    dependencies = [("agent", "0008_run_replanned")]

    operations = [
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("type", "change")),
                fields=["session", "seq"],
                name="event_changes",
            ),
        ),
    ]
