"""Calls of the public API, on a visitor's behalf."""
