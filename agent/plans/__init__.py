"""Plans: parsing, validation, order of steps, storage, approval policy, dry run, time estimates."""
