"""The map of normal, and placing samples on it."""
