"""Serves analyses, their points and their features."""
