"""Errors of anomalies."""

from uuid import UUID

from shared.errors import NotFound


class AnomalyNotFound(NotFound):
    def __init__(self, anomaly_id: UUID) -> None:
        super().__init__(
            f"There is no anomaly {anomaly_id} in your organization. GET /anomalies lists your anomalies,"
            " without those of archived analyses, which can be restored."
        )
