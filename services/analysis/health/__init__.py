"""A machine's state with reasons, its wear and the trend of it."""
