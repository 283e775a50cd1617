"""Every topic of the installation."""

from typing import Any

from shared.events import alerting, analysis, auth, deletions, machines
from shared.events.base import Topic

TOPICS: tuple[Topic[Any], ...] = (
    auth.ORGANIZATION_CHANGED,
    auth.MEMBERSHIP_CHANGED,
    auth.ACCESS_ENDED,
    auth.AUDIT_RECORDED,
    deletions.DELETION_REQUESTED,
    deletions.DELETION_REPORTED,
    machines.MACHINE_CHANGED,
    analysis.UPLOAD_RECEIVED,
    analysis.ANALYSIS_PROGRESSED,
    analysis.ANALYSIS_COMPLETED,
    analysis.ANALYSIS_FAILED,
    analysis.ANALYSIS_ARCHIVED,
    analysis.ANALYSIS_RESTORED,
    analysis.SOURCE_FAILED,
    analysis.SOURCE_RECOVERED,
    analysis.ANOMALY_DETECTED,
    analysis.SAMPLES_SCORED,
    analysis.ANOMALY_ACKNOWLEDGED,
    alerting.ALERT_RAISED,
    alerting.ALERT_CHANGED,
)

BY_NAME = {topic.name: topic for topic in TOPICS}
