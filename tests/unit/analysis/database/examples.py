"""Rows for the suites of the repositories."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from services.analysis.anomalies.domain import Anomaly
from services.analysis.database.results import MapRow
from services.analysis.database.unit import Unit
from services.analysis.domain import Analysis, AnalysisType, Status
from services.analysis.machines.domain import MachineRef
from services.analysis.timeline.domain import NORMAL, HourCount, RunSummary, Series, microseconds, moment
from services.analysis.uploads.domain import FileUpload, upload_prefix
from shared.access import Scope

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def organization(scope: Scope) -> UUID:
    assert scope.organization_id is not None
    return scope.organization_id


def a_machine(scope: Scope, **changes: Any) -> MachineRef:
    return replace(MachineRef(uuid4(), organization(scope), "Pump 7", "active", 1, False, NOW), **changes)


def an_anomaly(analysis: Analysis, **changes: Any) -> Anomaly:
    anomaly = Anomaly(
        id=uuid4(),
        organization_id=analysis.organization_id,
        analysis_id=analysis.id,
        machine_id=analysis.machine_id,
        timestamp=NOW,
        severity="high",
        distance=6.0,
        threshold=3.0,
        features={"features": [], "bands": []},
        metadata={"load": "low"},
        acknowledged=False,
        acknowledged_by=None,
        acknowledged_at=None,
        created_at=NOW,
        sample_index=3,
        x=0.5,
        y=-0.5,
    )
    return replace(anomaly, **changes)


def an_hour(at: datetime, severity: str, samples: int, ratio: float) -> HourCount:
    return HourCount(microseconds(at), severity, samples, ratio, ratio, samples * ratio)


def a_summary(run: Analysis, hours: Sequence[HourCount]) -> RunSummary:
    """The summary of a run whose series has one bucket per hour, severities apart."""
    at = np.array([count.hour for count in hours])
    samples = np.array([count.samples for count in hours])
    ratios = np.array([count.high for count in hours])
    anomalies = np.array([0 if count.severity == NORMAL else count.samples for count in hours])
    return RunSummary(
        run.id,
        int(samples.sum()),
        int(anomalies.sum()),
        float(ratios.max()),
        moment(int(at.min())),
        moment(int(at.max())),
        Series(at, samples, anomalies, ratios, ratios, ratios),
        hours,
    )


async def added(unit: Unit, scope: Scope, **changes: Any) -> Analysis:
    """A pending baseline with its upload."""
    config = await unit.configs.current(organization(scope), NOW)
    machine = a_machine(scope, id=changes.get("machine_id", uuid4()))
    await unit.machines.merge(machine)
    upload_id = uuid4()
    upload = FileUpload(
        id=upload_id,
        organization_id=organization(scope),
        original_filename="normal.csv",
        file_size=12,
        file_path=upload_prefix(upload_id),
        status=Status.PENDING,
        error_message=None,
        merged_files=[{"filename": "normal.csv", "size": 12}],
        features=None,
        samples=None,
        created_at=NOW,
        updated_at=NOW,
    )
    analysis = Analysis(
        id=uuid4(),
        organization_id=organization(scope),
        machine_id=machine.id,
        file_upload_id=upload.id,
        dinsight_id=None,
        baseline_id=None,
        config_id=config.id,
        analysis_type=AnalysisType.BASELINE,
        status=Status.PENDING,
        stage=None,
        progress=0.0,
        results=None,
        error=None,
        attempts=0,
        created_by=uuid4(),
        created_at=NOW,
        completed_at=None,
    )
    analysis = replace(analysis, **changes)
    await unit.uploads.add(upload)
    await unit.analyses.add(analysis)
    return analysis


async def completed(unit: Unit, scope: Scope, *, now: datetime = NOW, **changes: Any) -> Analysis:
    """A completed baseline with its map."""
    analysis = await added(unit, scope, **changes)
    row = a_map(analysis)
    await unit.analyses.begin(analysis.id, 1)
    await unit.results.add_map(row)
    assert await unit.analyses.complete(analysis.id, results={"samples": 3}, dinsight_id=row.id, now=now)
    found = await unit.analyses.get(analysis.id)
    assert found is not None
    return found


def a_map(analysis: Analysis) -> MapRow:
    return MapRow(
        id=uuid4(),
        organization_id=analysis.organization_id,
        file_upload_id=analysis.file_upload_id,
        config_id=analysis.config_id or 0,
        x_values=[0.0, 1.0, 2.0],
        y_values=[3.0, 4.0, 5.0],
        distance_values=[0.5, 0.25, 0.125],
        misfit_values=None,
        model_key=f"models/{analysis.id}/1.npz",
        created_at=NOW,
    )


class Organizations:
    """Two organizations, as fixtures of a suite."""

    @pytest.fixture
    def mine(self) -> Scope:
        return Scope(organization_id=uuid4())

    @pytest.fixture
    def theirs(self) -> Scope:
        return Scope(organization_id=uuid4())
