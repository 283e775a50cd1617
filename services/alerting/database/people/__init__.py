"""Repositories of how alerts reach people."""
