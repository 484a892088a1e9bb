"""Measurements, each next to its baseline or target. Nothing here asserts a time."""
