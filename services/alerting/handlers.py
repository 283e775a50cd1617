"""Subscriptions of the alerting service."""

from services.alerting.alerts import findings
from services.alerting.alerts.evaluator import Evaluator
from services.alerting.database.unit import Unit
from services.alerting.replicas.service import ReplicaService
from services.alerting.templates.sync import TemplateSync
from shared.erasure import eraser
from shared.events.analysis import (
    ANALYSIS_COMPLETED,
    ANALYSIS_FAILED,
    ANOMALY_DETECTED,
    SOURCE_FAILED,
    AnalysisCompleted,
    AnalysisFailed,
    AnomalyDetected,
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


def subscribe_replicas(consumer: Consumer[Unit], replicas: ReplicaService, templates: TemplateSync) -> None:
    """The handlers keep replicas by versions, so they may run again for an event."""

    async def on_machine_changed(event: Event[MachineChanged], unit: Unit) -> None:
        if event.organization_id is None:
            raise ValueError("machine.changed must carry its organization in organizationid")
        await replicas.machine_changed(unit, event.organization_id, event.payload)
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


def subscribe(consumer: Consumer[Unit], evaluator: Evaluator) -> None:
    async def on_anomaly_detected(event: Event[AnomalyDetected], unit: Unit) -> None:
        payload = event.payload
        await evaluator.observe(unit, payload.machine_id, lambda: findings.of_anomaly(payload))

    async def on_analysis_completed(event: Event[AnalysisCompleted], unit: Unit) -> None:
        payload = event.payload
        await evaluator.observe(unit, payload.machine_id, lambda: findings.of_completed(payload))

    async def on_analysis_failed(event: Event[AnalysisFailed], unit: Unit) -> None:
        payload = event.payload
        await evaluator.observe(unit, payload.machine_id, lambda: findings.of_failed(payload))

    async def on_source_failed(event: Event[SourceFailed], unit: Unit) -> None:
        payload = event.payload
        await evaluator.observe(unit, payload.machine_id, lambda: findings.of_source(payload))

    async def on_deletion_requested(event: Event[DeletionRequested], unit: Unit) -> None:
        await eraser.accept(unit.jobs, event)

    consumer.on(DELETION_REQUESTED, on_deletion_requested)
    consumer.on(ANOMALY_DETECTED, on_anomaly_detected)
    consumer.on(ANALYSIS_COMPLETED, on_analysis_completed)
    consumer.on(ANALYSIS_FAILED, on_analysis_failed)
    consumer.on(SOURCE_FAILED, on_source_failed)
