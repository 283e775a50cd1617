"""Loses a table and then a machine, and restores them: `make drill`; a small form is part of the tests."""
