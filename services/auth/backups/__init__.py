"""Reminds administrators of late backups."""
