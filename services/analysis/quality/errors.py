"""Errors of data quality."""

from uuid import UUID

from shared.errors import NotFound


class QualityUnknown(NotFound):
    code = "quality-unknown"

    def __init__(self, analysis_id: UUID) -> None:
        super().__init__(
            f"The data quality of analysis {analysis_id} was not recorded: the analysis was imported, or"
            " dates from before quality was recorded. Upload its files again."
        )
