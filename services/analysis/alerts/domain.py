"""The replica of an alert."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class AlertRef:
    """The state of an alert. Seen are times of samples, the other times are of the clock."""

    id: UUID
    organization_id: UUID
    machine_id: UUID
    rule_name: str
    status: str
    severity: str
    summary: str
    count: int
    worst_ratio: float | None
    first_seen_at: datetime
    last_seen_at: datetime
    raised_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    version: int
    outcome: str | None = None
