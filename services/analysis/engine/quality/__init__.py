"""Data quality of a run: facts of each sensor, counted while the file streams by."""
