"""The names that a program with a token for one project gives are its own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0002_aliases")]

    operations = [
        migrations.AddField(
            "alias",
            "only_project",
            models.UUIDField(
                help_text="The project of the token, if it is for one: its names are its own.",
                null=True,
            ),
        ),
        migrations.RemoveConstraint("alias", "one_alias_per_name"),
        migrations.AddConstraint(
            "alias",
            models.UniqueConstraint(
                condition=models.Q(("only_project", None)),
                fields=("user", "kind", "name"),
                name="one_alias_per_name",
            ),
        ),
        migrations.AddConstraint(
            "alias",
            models.UniqueConstraint(
                condition=models.Q(("only_project__isnull", False)),
                fields=("user", "kind", "name", "only_project"),
                name="one_alias_per_name_and_project",
            ),
        ),
    ]
