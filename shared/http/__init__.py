"""HTTP that all services share: problems, callers, pages, health, metrics."""
