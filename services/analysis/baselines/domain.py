"""Versions of a machine's baseline."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.analysis.domain import Analysis, AnalysisType, Status
from services.analysis.uploads.errors import BaselineUnusable

# Runs of a version of which normal samples are counted; older ones say little about the machine of today.
MAX_RUNS_COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class ActiveBaseline:
    """What judges a machine's next samples: a baseline chosen `by_hand`, or else the newest completed one."""

    analysis_id: UUID
    by_hand: bool
    activated_by: UUID | None
    activated_at: datetime | None


@dataclass(frozen=True, slots=True)
class BaselineVersion:
    """A completed baseline, which may be archived. `number` counts the versions of its machine, from 1.

    `proposed` is the newest completed version while another one is active, which somebody chose. Among its
    newest runs, `runs` turned out to be normal, with `normal_samples` and `normal_anomalies`.
    """

    analysis_id: UUID
    number: int
    status: Status
    created_at: datetime
    created_by: UUID
    completed_at: datetime | None
    config_id: int | None
    results: Mapping[str, Any] | None
    active: bool
    by_hand: bool
    activated_by: UUID | None
    activated_at: datetime | None
    proposed: bool
    runs: int
    normal_samples: int
    normal_anomalies: int


def check_usable(found: Analysis, machine_id: UUID) -> None:
    """Raise BaselineUnusable if the analysis cannot judge the machine's samples."""
    if found.analysis_type is not AnalysisType.BASELINE:
        raise BaselineUnusable(found.id, "it is a monitoring run")
    if found.machine_id != machine_id:
        raise BaselineUnusable(found.id, "it belongs to another machine")
    if found.status is Status.ARCHIVED:
        path = f"/api/v1/analyses/{found.id}/restore"
        raise BaselineUnusable(found.id, f"it is archived; POST {path} brings it back")
    if found.status is not Status.COMPLETED:
        raise BaselineUnusable(found.id, f"its status is {found.status}, not completed")


def activation(analysis_id: UUID, number: int, active: ActiveBaseline | None) -> dict[str, Any]:
    """Say of the newest baseline whether it judges from now on, given the active one before it."""
    if active is None or not active.by_hand:
        return {
            "code": "baseline_activated",
            "params": {"version": number, "analysis_id": str(analysis_id)},
            "text": f"Version {number} of the machine's baseline judges its next samples.",
        }
    return {
        "code": "baseline_proposed",
        "params": {
            "version": number,
            "analysis_id": str(analysis_id),
            "active_id": str(active.analysis_id),
        },
        "text": (
            f"Version {number} of the machine's baseline does not judge, because somebody has activated"
            f" baseline {active.analysis_id}. Compare the two, and activate the new one if it is better."
        ),
    }
