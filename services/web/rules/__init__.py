"""The list of alert rules."""
