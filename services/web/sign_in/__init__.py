"""Signing in and out, registering, and the links in mail."""
