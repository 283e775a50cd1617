"""Errors of archives."""

from datetime import datetime
from uuid import UUID

from shared.errors import Conflict


class AnalysisArchived(Conflict):
    code = "analysis-archived"

    def __init__(self, analysis_id: UUID) -> None:
        super().__init__(
            f"Analysis {analysis_id} is archived. POST /api/v1/analyses/{analysis_id}/restore brings its"
            " points, anomalies and features back; try again once its status is completed.",
            extra={"analysis_id": str(analysis_id)},
        )


class NotArchivable(Conflict):
    """The analysis stays as it is."""


class NotCompleted(NotArchivable):
    code = "not-complete"

    def __init__(self, analysis_id: UUID, status: str) -> None:
        super().__init__(f"Only completed analyses can be archived. The status of {analysis_id} is {status}.")


class OnLegalHold(NotArchivable):
    code = "legal-hold"

    def __init__(self, analysis_id: UUID) -> None:
        super().__init__(
            f"The machine of analysis {analysis_id} is on legal hold, so its data stay as they are. An"
            " administrator can end the hold with PATCH /machines/{machine_id}."
        )


class BaselineInUse(NotArchivable):
    code = "baseline-in-use"

    def __init__(self, analysis_id: UUID, why: str) -> None:
        super().__init__(f"Baseline {analysis_id} cannot be archived: {why}.")


class UploadShared(NotArchivable):
    code = "upload-shared"

    def __init__(self, analysis_id: UUID) -> None:
        super().__init__(f"Analysis {analysis_id} shares its upload with another one, so it is not archived.")


class NotArchived(Conflict):
    code = "not-archived"

    def __init__(self, analysis_id: UUID, status: str) -> None:
        super().__init__(f"Only archived analyses can be restored. The status of {analysis_id} is {status}.")
        self.analysis_status = status


class ArchiveExpired(Conflict):
    code = "archive-expired"

    def __init__(self, analysis_id: UUID, expired_at: datetime) -> None:
        super().__init__(
            f"The archive of analysis {analysis_id} was deleted on {expired_at:%Y-%m-%d} after its retention."
            " Its results remain. Upload the samples again to analyse them anew."
        )


class ArchiveDamaged(Exception):
    """An object of an archive is not what the manifest says. Nothing was changed."""


class RowsChanged(Exception):
    """The rows changed after they were read. Nothing was changed; try again."""
