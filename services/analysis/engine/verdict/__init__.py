"""Thresholds, explanations, health and deterioration."""
