"""Subscriptions of the alerting service."""

from typing import Any
from uuid import UUID

from services.alerting.database.unit import Unit
from services.alerting.replicas.service import ReplicaService
from services.alerting.series.service import SeriesService
from services.alerting.templates.sync import TemplateSync
from shared.erasure import eraser
from shared.events.analysis import (
    ANALYSIS_COMPLETED,
    ANALYSIS_FAILED,
    ANOMALY_DETECTED,
    SAMPLES_SCORED,
    SOURCE_FAILED,
    AnalysisCompleted,
    AnalysisFailed,
    AnomalyDetected,
    SamplesScored,
    SourceFailed,
)
from shared.events.auth import (
    MEMBERSHIP_CHANGED,
    ORGANIZATION_CHANGED,
    MembershipChanged,
    OrganizationChanged,
)
from shared.events.base import Event
from shared.events.deletions import DELETION_REQUESTED, DeletionRequested
from shared.events.machines import MACHINE_CHANGED, MachineChanged
from shared.kafka.consumer import Consumer


def _owner(event: Event[Any]) -> UUID:
    if event.organization_id is None:
        raise ValueError(f"{event.topic.name} must carry its organization in organizationid")
    return event.organization_id


def subscribe_replicas(consumer: Consumer[Unit], replicas: ReplicaService, templates: TemplateSync) -> None:
    """The handlers keep replicas by versions, so they may run again for an event."""

    async def on_machine_changed(event: Event[MachineChanged], unit: Unit) -> None:
        await replicas.machine_changed(unit, _owner(event), event.payload)
        machine = await unit.replicas.machine(event.payload.machine_id)
        if machine is not None and not machine.deleted:
            await templates.machine_changed(unit, machine)

    async def on_membership_changed(event: Event[MembershipChanged], unit: Unit) -> None:
        await replicas.membership_changed(unit, event.payload)

    async def on_organization_changed(event: Event[OrganizationChanged], unit: Unit) -> None:
        await replicas.organization_changed(unit, event.payload)

    consumer.on(MACHINE_CHANGED, on_machine_changed, repeatable=True)
    consumer.on(MEMBERSHIP_CHANGED, on_membership_changed, repeatable=True)
    consumer.on(ORGANIZATION_CHANGED, on_organization_changed, repeatable=True)


def subscribe(consumer: Consumer[Unit], series: SeriesService) -> None:
    async def on_samples_scored(event: Event[SamplesScored], unit: Unit) -> None:
        await series.scored(unit, _owner(event), event.payload)

    async def on_anomaly_detected(event: Event[AnomalyDetected], unit: Unit) -> None:
        await series.detected(unit, _owner(event), event.payload)

    async def on_analysis_completed(event: Event[AnalysisCompleted], unit: Unit) -> None:
        await series.completed(unit, _owner(event), event.payload)

    async def on_analysis_failed(event: Event[AnalysisFailed], unit: Unit) -> None:
        await series.failed(unit, _owner(event), event.payload)

    async def on_source_failed(event: Event[SourceFailed], unit: Unit) -> None:
        await series.source_failed(unit, _owner(event), event.payload)

    async def on_deletion_requested(event: Event[DeletionRequested], unit: Unit) -> None:
        await eraser.accept(unit.jobs, event)

    consumer.on(DELETION_REQUESTED, on_deletion_requested)
    consumer.on(SAMPLES_SCORED, on_samples_scored)
    consumer.on(ANOMALY_DETECTED, on_anomaly_detected)
    consumer.on(ANALYSIS_COMPLETED, on_analysis_completed)
    consumer.on(ANALYSIS_FAILED, on_analysis_failed)
    consumer.on(SOURCE_FAILED, on_source_failed)
