"""Columns with a default in the database, written as the migrations that added them wrote them."""

from django.db import migrations


def column(model, name, definition, field):
    """Returns the operation that adds a column to the table of a model."""
    return migrations.RunSQL(
        f"ALTER TABLE agent_{model} ADD COLUMN {name} {definition}",
        f"ALTER TABLE agent_{model} DROP COLUMN {name}",
        state_operations=[migrations.AddField(model, name, field)],
    )
