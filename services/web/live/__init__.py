"""The event stream of a visitor."""
