"""Upgrades: dumps of earlier versions, which every later version migrates while services work."""
