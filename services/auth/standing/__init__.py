"""Whether access that a token gave still stands."""
