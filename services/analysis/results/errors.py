"""Errors of results."""

from uuid import UUID

from shared.errors import Conflict, NotFound


class UploadNotFound(NotFound):
    def __init__(self, upload_id: UUID) -> None:
        super().__init__(f"There is no file upload {upload_id} in your organization.")


class NotComplete(Conflict):
    code = "not-complete"

    def __init__(self, analysis_id: UUID, status: str) -> None:
        super().__init__(
            f"Only completed analyses have points and data quality. The status of {analysis_id} is {status}."
        )
