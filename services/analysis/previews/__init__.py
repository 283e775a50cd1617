"""Tells what is understood of a file before it is analysed, and proposes a configuration."""
