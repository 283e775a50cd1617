"""Deleting organizations and accounts, and the certificates of all deletions."""
