"""Backups of an installation: base backups, continuous WAL, files of the object store; and restoring them."""
