"""Calls of every operation with generated data, by the merged OpenAPI document."""
