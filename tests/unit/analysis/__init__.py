"""Unit tests of the analysis service."""
