"""Anomalies: listed, counted, acknowledged."""
