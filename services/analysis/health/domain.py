"""The health of a machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.analysis.anomalies.domain import DailyAnomalies
from services.analysis.domain import Analysis


@dataclass(frozen=True, slots=True)
class MachineHealth:
    """`state` is that of the newest monitoring run; `runs` are ordered by time, oldest first.

    `drift` is that run's, if the active baseline judged it. Each note in `advice` has a stable code.
    """

    machine_id: UUID
    state: str
    reasons: Sequence[str]
    runs: Sequence[Analysis]
    daily: Sequence[DailyAnomalies]
    drift: Mapping[str, Any] | None = None
    advice: Sequence[Mapping[str, Any]] = ()
