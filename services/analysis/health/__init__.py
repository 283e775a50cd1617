"""Serves the health of machines: their state with reasons, their wear and its trend."""
