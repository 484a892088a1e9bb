"""Measurements, each beside what it is compared with. Nothing here asserts a time."""
