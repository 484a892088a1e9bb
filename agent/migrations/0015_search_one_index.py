"""Removes the index of the project alone: `search_by_project` begins with the project.

By SQL: SQLite would make the altered table anew, without the triggers of the full-text index.
"""

import django.db.models.deletion
from django.db import migrations, models

INDEX = "agent_searchentry_project_id_fd0f24bb"


class Migration(migrations.Migration):
    dependencies = [("agent", "0014_drafts")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    f"DROP INDEX {INDEX}",
                    f"CREATE INDEX {INDEX} ON agent_searchentry (project_id)",
                )
            ],
            state_operations=[
                migrations.AlterField(
                    model_name="searchentry",
                    name="project",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="agent.project",
                    ),
                )
            ],
        )
    ]
