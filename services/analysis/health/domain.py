"""The health of a machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.analysis.anomalies.domain import DailyAnomalies
from services.analysis.domain import Analysis


@dataclass(frozen=True, slots=True)
class MachineHealth:
    """`state` is that of the newest monitoring run; `runs` are ordered by time, oldest first."""

    machine_id: UUID
    state: str
    reasons: Sequence[str]
    runs: Sequence[Analysis]
    daily: Sequence[DailyAnomalies]
