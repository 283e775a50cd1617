"""The versions of a machine's baseline: which of them is active, and how they differ."""
