"""Serves the fleet: one row per machine, for the overview."""
