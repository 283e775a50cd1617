"""What the name of an object says about it."""

# Stored in frames (`frames.py`), and read as what they contain.
COMPRESSED = ".zst"
