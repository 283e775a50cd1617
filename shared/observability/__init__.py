"""Traces, metrics and logs, configured identically in every process."""
