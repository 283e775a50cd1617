"""The local replica of the auth service's organizations."""
