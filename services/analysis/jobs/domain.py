"""The stages of an analysis job."""

from enum import StrEnum

# A worker may die this often on one file; then the file is what kills it.
MOST_ATTEMPTS = 3


class Stage(StrEnum):
    READING = "reading"
    FITTING = "fitting"
    SCORING = "scoring"
    STORING = "storing"
