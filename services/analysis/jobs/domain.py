"""The stages of an analysis, and the kinds and sizes of its jobs."""

from enum import StrEnum

from services.analysis.uploads.domain import FileUpload
from shared.jobs.queue import Size

QUEUE = "analysis"
# If workers die this often on one file, the file is the cause.
MAX_ATTEMPTS = 3
# A worker reads a text table of this size in some tens of milliseconds.
MAX_SMALL_BYTES = 1024 * 1024
# Small compressed files may expand to large tables; a job with more values counts as large.
MAX_SMALL_VALUES = 500_000
# The progress of the whole analysis at the end of each stage.
READ_SHARE, FITTED_SHARE, SCORED_SHARE = 0.4, 0.9, 0.9


class Stage(StrEnum):
    READING = "reading"
    FITTING = "fitting"
    SCORING = "scoring"
    STORING = "storing"


class Kind(StrEnum):
    """`analysis` reads the files. In a monitoring run, a `chunk` for each chunk and then a `join` follow.

    `archive` and `restore` come later, on request.
    """

    ANALYSIS = "analysis"
    CHUNK = "chunk"
    JOIN = "join"
    ARCHIVE = "archive"
    RESTORE = "restore"


def size_of(upload: FileUpload) -> Size:
    return Size.SMALL if upload.file_size <= MAX_SMALL_BYTES else Size.LARGE
