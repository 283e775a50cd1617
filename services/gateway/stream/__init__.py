"""The event stream of an organization."""
