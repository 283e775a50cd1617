"""Who administers the installation."""
