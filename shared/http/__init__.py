"""HTTP alike in every service: problems, callers, pages, health, metrics."""
