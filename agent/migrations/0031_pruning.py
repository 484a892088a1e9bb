"""Where the event log of a session begins, after its first runs were pruned."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agent", "0030_message_index")]

    operations = [
        migrations.AddField(
            model_name="chatsession",
            name="first_seq",
            field=models.PositiveBigIntegerField(
                db_default=1,
                default=1,
                editable=False,
                help_text="The first event that was not pruned, or the next one.",
            ),
        ),
        migrations.AddField(
            model_name="chatsession",
            name="first_run",
            field=models.PositiveIntegerField(
                db_default=1,
                default=1,
                editable=False,
                help_text="The number of the first run whose events were not pruned, or of the next one.",
            ),
        ),
    ]
