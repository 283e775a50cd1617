"""The machines service: the registry of an organization's equipment."""
