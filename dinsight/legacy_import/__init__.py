"""Imports an installation that has only the first five tables of the specification."""
