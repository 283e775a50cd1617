"""Times of samples: found by content, read in one format per column, converted to UTC, and described."""
