"""Fits the map of normal behaviour and places samples on it."""
