"""The offline model: a planner made of rules in plain Python. Not a language model."""
