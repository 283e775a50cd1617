"""Analyses: a new one with a preview of its file, its progress and result, and what-if."""
