"""Joins files with different sensors, and long tables, on time."""
