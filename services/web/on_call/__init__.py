"""Rotations: who is on call now, next and later."""
