"""The stages of an analysis, the kinds of its jobs, and which of them are small."""

from enum import StrEnum

from services.analysis.uploads.domain import FileUpload
from shared.jobs.queue import Size

QUEUE = "analysis"
# A worker may die this often on one file; then the file is what kills it.
MAX_ATTEMPTS = 3
# A table of this size in text takes a worker some tens of milliseconds to read.
SMALL_BYTES = 1024 * 1024
# Compressed files may hold more than they look: beyond so many values a job counts as large.
MAX_SMALL_VALUES = 500_000
# How the progress of a whole analysis is shared out.
READ_SHARE, FITTED_SHARE, SCORED_SHARE = 0.4, 0.9, 0.9


class Stage(StrEnum):
    READING = "reading"
    FITTING = "fitting"
    SCORING = "scoring"
    STORING = "storing"


class Kind(StrEnum):
    """`analysis` reads the files; of a monitoring run follow `chunk` for each chunk, and one `join`."""

    ANALYSIS = "analysis"
    CHUNK = "chunk"
    JOIN = "join"


def size_of(upload: FileUpload) -> Size:
    return Size.SMALL if upload.file_size <= SMALL_BYTES else Size.LARGE
