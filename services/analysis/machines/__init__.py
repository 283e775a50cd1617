"""The local replica of the machines."""
