"""Errors of data quality."""

from uuid import UUID

from shared.errors import NotFound


class QualityUnknown(NotFound):
    code = "quality-unknown"

    def __init__(self, analysis_id: UUID) -> None:
        super().__init__(
            f"The quality of the data of analysis {analysis_id} was not recorded: the run is older than this"
            " record, or was imported. Send its files again."
        )
