"""All machines, ordered by need."""
