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

# Internal: they feed the event stream and the audit trail, and may change.
INTERNAL = (auth.AUDIT_RECORDED, analysis.UPLOAD_RECEIVED, analysis.ANALYSIS_PROGRESSED)
# What other systems may rely on (docs/events.md).
DOCUMENTED = tuple(topic for topic in TOPICS if topic not in INTERNAL)

BY_NAME = {topic.name: topic for topic in TOPICS}
