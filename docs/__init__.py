"""Documents for people; `generate.py` writes those that follow from the code."""
