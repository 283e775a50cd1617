"""The jobs of an analysis: from the stored files to exactly one result."""
