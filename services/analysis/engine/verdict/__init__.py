"""Thresholds, explanations, baseline readiness, health and deterioration."""
