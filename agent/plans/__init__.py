"""Plans: parsing, validation, order, storage, approval policy, dry run and time estimates."""
