"""Imports from retired services."""
