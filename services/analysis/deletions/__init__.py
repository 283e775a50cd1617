"""Deleting analyses, on request and with their machine or organization."""
