from django.db import migrations, models


class Migration(migrations.Migration):
    """A session may have every plan of it asked about."""

    dependencies = [("agent", "0003_run_counted")]

    operations = [
        migrations.AddField(
            model_name="chatsession",
            name="approval",
            field=models.CharField(
                choices=[("auto", "Auto"), ("required", "Required")],
                default="auto",
                help_text="For all its messages; one message may ask for more, never for less.",
                max_length=10,
            ),
        ),
    ]
