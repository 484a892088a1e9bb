"""The tables as of migration 0046, for new databases. A change of a table is a new migration, not an edit here."""
