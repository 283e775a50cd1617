"""Configurations: the versions of an organization's parameters."""
