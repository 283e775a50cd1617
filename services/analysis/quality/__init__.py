"""The quality of a run's data: the first thing an engineer asks."""
