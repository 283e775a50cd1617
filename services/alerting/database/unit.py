"""The repositories that use cases depend on, and the unit of work that bundles them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.alerting.alerts.changes import AlertChange, RecordedChange
from services.alerting.alerts.domain import Alert, AlertFilter
from services.alerting.database.series import SeriesRepository
from services.alerting.deliveries.domain import Delivery, Outcome, Outgoing
from services.alerting.replicas.domain import MachineRef, MemberRef, OrganizationRef
from services.alerting.rules.domain import Rule, RuleFilter
from services.alerting.timer.timers import Timers
from shared.http.pages import PageRequest, Slice
from shared.jobs.queue import Jobs
from shared.kafka.inbox import Inbox
from shared.kafka.outbox import Outbox


@dataclass(frozen=True, slots=True)
class WatchingRule:
    rule: Rule
    machine_name: str


class ReplicaRepository(Protocol):
    async def merge_machine(self, machine: MachineRef) -> None:
        """Store a newer version; older ones are ignored, and a deleted machine stays deleted."""
        ...

    async def machine(self, machine_id: UUID) -> MachineRef | None: ...

    async def lock_machine(self, machine_id: UUID) -> MachineRef | None:
        """The machine, locked against deletion until the transaction ends."""
        ...

    async def analysis_deleted(self, analysis_id: UUID) -> bool: ...

    async def merge_member(self, member: MemberRef) -> None:
        """Store a newer version; older ones are ignored."""
        ...

    async def merge_organization(self, organization: OrganizationRef) -> None:
        """Store a newer version; older ones are ignored."""
        ...


class RuleRepository(Protocol):
    """Deleted rules are kept for their alerts, but no method returns them."""

    async def add(self, rule: Rule) -> None: ...

    async def get(self, rule_id: UUID) -> Rule | None: ...

    async def lock(self, rule_id: UUID, *, deleted: bool = False) -> Rule | None:
        """The rule, locked: until the transaction ends, no other one changes or evaluates it.

        With `deleted`, even a deleted one.
        """
        ...

    async def list(self, wanted: RuleFilter, page: PageRequest) -> Slice[Rule]: ...

    async def watching(self, machine_id: UUID) -> Sequence[WatchingRule]:
        """The active rules of the machine, unless it is deleted."""
        ...

    async def lock_all(self, rule_ids: Sequence[UUID]) -> Sequence[Rule]:
        """These rules, locked, always in the same order."""
        ...

    async def update(self, rule: Rule) -> None: ...

    async def are_addresses_sealed(self) -> bool:
        """Whether new addresses are sealed: false until no older version runs, which could not read them."""
        ...

    async def delete_of_machine(self, machine_id: UUID) -> None:
        """Delete the rules of the machine with their alerts and deliveries."""
        ...


class AlertRepository(Protocol):
    async def add(self, alert: Alert) -> bool:
        """Store a new alert; False, without storing it, if an open one has the same dedupe key."""
        ...

    async def get(self, alert_id: UUID) -> Alert | None: ...

    async def lock(self, alert_id: UUID) -> Alert | None: ...

    async def lock_open(self, organization_id: UUID, dedupe_key: str) -> Alert | None: ...

    async def lock_open_of(self, organization_id: UUID, dedupe_keys: Sequence[str]) -> Sequence[Alert]:
        """The open alerts of these keys, locked in a fixed order."""
        ...

    async def lock_resolved_since(self, rule_id: UUID, dedupe_key: str, since: datetime) -> Alert | None:
        """The alert of rule and key that was resolved last, if that was not before `since`."""
        ...

    async def lock_open_of_rule(self, rule_id: UUID) -> Sequence[Alert]: ...

    async def list(self, wanted: AlertFilter, page: PageRequest) -> Slice[Alert]: ...

    async def update(self, alert: Alert) -> None: ...

    async def reopen(self, alert: Alert) -> bool:
        """Store a resolved alert that is open again; False, without that, if another of its key is open."""
        ...

    async def discard(self, alert_id: UUID) -> None:
        """Delete a pending alert."""
        ...

    async def record(self, change: AlertChange) -> None:
        """Keep the change for the timeline of the alert."""
        ...

    async def changes_of(self, alert_id: UUID) -> Sequence[RecordedChange]:
        """The kept changes of the alert, oldest first."""
        ...


class DeliveryRepository(Protocol):
    async def add(self, delivery: Delivery) -> None: ...

    async def of_alert(self, alert_id: UUID) -> Sequence[Delivery]: ...

    async def pending(self, message_id: UUID) -> Outgoing | None:
        """The pending attempt of a message."""
        ...

    async def postpone(self, message_id: UUID, due_at: datetime) -> None:
        """Change when the pending attempt of a message is due."""
        ...

    async def finish(self, delivery: Delivery, outcome: Outcome, at: datetime) -> None:
        """Record the target and the outcome of an attempt."""
        ...


@dataclass(frozen=True, slots=True)
class Unit:
    """The repositories, queue, timers, outbox and inbox of one transaction."""

    replicas: ReplicaRepository
    rules: RuleRepository
    alerts: AlertRepository
    deliveries: DeliveryRepository
    series: SeriesRepository
    jobs: Jobs
    timers: Timers
    outbox: Outbox
    inbox: Inbox
