"""Serves a machine's timeline, from series that were downsampled at the end of its runs."""
