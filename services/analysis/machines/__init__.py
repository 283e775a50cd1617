"""The local replica of the machines service's data."""
