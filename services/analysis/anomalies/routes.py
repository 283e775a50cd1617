"""HTTP of anomalies."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.analysis.anomalies.domain import AnomalyFilter
from services.analysis.anomalies.schemas import AnomalyOut, DailyAnomaliesOut, DailyList
from services.analysis.anomalies.service import AnomalyService
from services.analysis.database.unit import Units
from shared.access import Caller, Permission
from shared.events.analysis import Severity
from shared.http.caller import Guard
from shared.http.fields import Moment
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses


def build_anomaly_router(anomalies: AnomalyService, units: Units, guard: Guard) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["anomalies"], responses=problem_responses(400, 401, 403, 422))
    reader = Annotated[Caller, Depends(guard.may(Permission.ANOMALIES_READ))]
    acknowledger = Annotated[Caller, Depends(guard.may(Permission.ANOMALIES_ACKNOWLEDGE))]

    @router.get("/anomalies", summary="List anomalies", responses=problem_responses(409))
    async def list_anomalies(
        caller: reader,
        page: PageParameters,
        machine_id: UUID | None = None,
        analysis_id: UUID | None = None,
        severity: Severity | None = None,
        acknowledged: bool | None = None,
        since: Annotated[Moment | None, Query(description="Inclusive")] = None,
        until: Annotated[Moment | None, Query(description="Exclusive")] = None,
    ) -> Page[AnomalyOut]:
        """Newest first. Those of archived analyses are not listed until the analysis is restored."""
        wanted = AnomalyFilter(machine_id, analysis_id, severity, acknowledged, since, until)
        async with units(caller.scope) as unit:
            return Page[AnomalyOut].of(await anomalies.list(unit, wanted, page), AnomalyOut.of)

    @router.get("/anomalies/daily", summary="Count anomalies per machine, day and severity")
    async def list_daily_anomalies(
        caller: reader, machine_id: UUID | None = None, since: date | None = None, until: date | None = None
    ) -> DailyList:
        """Days are UTC, the latest first; counts are current as soon as a run has completed."""
        async with units(caller.scope) as unit:
            counts = await anomalies.daily(unit, machine_id, since, until)
        return DailyList(items=[DailyAnomaliesOut.of(count) for count in counts])

    @router.get("/anomalies/{anomaly_id}", summary="Get an anomaly", responses=problem_responses(404))
    async def get_anomaly(caller: reader, anomaly_id: UUID) -> AnomalyOut:
        """Where the sample lies, how far it is from normal, and the features that explain it."""
        async with units(caller.scope) as unit:
            return AnomalyOut.of(await anomalies.get(unit, anomaly_id))

    @router.post(
        "/anomalies/{anomaly_id}/acknowledge",
        summary="Acknowledge an anomaly",
        responses=problem_responses(404),
    )
    async def acknowledge_anomaly(caller: acknowledger, anomaly_id: UUID) -> AnomalyOut:
        """Notes who has seen it, and when; only the first acknowledgement counts."""
        async with units(caller.scope) as unit:
            return AnomalyOut.of(await anomalies.acknowledge(unit, caller, anomaly_id))

    return router
