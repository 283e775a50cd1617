"""Tells what is understood of a file, and proposes a configuration with which it is read."""

from .previewing import preview_file

__all__ = ["preview_file"]
