from django.db import migrations, models


class Migration(migrations.Migration):
    """A run whose step failed has what is left planned anew, once."""

    dependencies = [("agent", "0007_session_task")]

    operations = [
        migrations.AddField(
            model_name="run",
            name="replanned",
            field=models.BooleanField(
                default=False,
                editable=False,
                help_text="A step failed and what was left was planned anew, or tried to; once is enough.",
            ),
        ),
    ]
