"""What the use-cases ask of the database, and the unit of work that holds it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.alerting.alerts.domain import Alert, AlertFilter
from services.alerting.deliveries.domain import Delivery, DeliveryStatus, Lease, Outcome, Outgoing
from services.alerting.replicas.domain import MachineRef, MemberRef
from services.alerting.rules.domain import Rule, RuleFilter
from shared.http.pages import PageRequest, Slice
from shared.kafka.inbox import Inbox
from shared.kafka.outbox import Outbox


@dataclass(frozen=True, slots=True)
class WatchingRule:
    rule: Rule
    machine_name: str


class ReferenceRepository(Protocol):
    async def merge_machine(self, machine: MachineRef) -> None:
        """Keep the news unless they are older than what is known; a deleted machine stays deleted."""
        ...

    async def machine(self, machine_id: UUID) -> MachineRef | None: ...

    async def hold_machine(self, machine_id: UUID) -> MachineRef | None:
        """The machine, which is not deleted before the transaction ends."""
        ...

    async def merge_member(self, member: MemberRef) -> None:
        """Keep the news unless they are older than what is known."""
        ...


class RuleRepository(Protocol):
    """Deleted rules stay for the sake of their alerts, and are seen by no method."""

    async def add(self, rule: Rule) -> None: ...

    async def get(self, rule_id: UUID) -> Rule | None: ...

    async def lock(self, rule_id: UUID) -> Rule | None:
        """The rule; until the transaction ends nobody else changes it or judges messages by it."""
        ...

    async def list(self, wanted: RuleFilter, page: PageRequest) -> Slice[Rule]: ...

    async def lock_watching(self, machine_id: UUID) -> Sequence[WatchingRule]:
        """The active rules of the machine, locked, always in one order."""
        ...

    async def update(self, rule: Rule) -> None: ...

    async def delete_of_machine(self, machine_id: UUID) -> None:
        """Remove the rules of the machine, with their alerts and deliveries."""
        ...


class AlertRepository(Protocol):
    async def add(self, alert: Alert) -> bool:
        """Store a new alert; False, and nothing stored, when an open one has its dedupe key."""
        ...

    async def get(self, alert_id: UUID) -> Alert | None: ...

    async def lock(self, alert_id: UUID) -> Alert | None: ...

    async def lock_open(self, organization_id: UUID, dedupe_key: str) -> Alert | None: ...

    async def lock_resolved_since(self, rule: Rule, since: datetime) -> Alert | None:
        """The rule's alert that was resolved last, if that was after `since`."""
        ...

    async def lock_open_of_rule(self, rule_id: UUID) -> Sequence[Alert]: ...

    async def list(self, wanted: AlertFilter, page: PageRequest) -> Slice[Alert]: ...

    async def update(self, alert: Alert) -> None: ...


class DeliveryRepository(Protocol):
    async def add(self, delivery: Delivery) -> None: ...

    async def of_alert(self, alert_id: UUID) -> Sequence[Delivery]: ...

    async def leased(self, lease: Lease) -> Outgoing | None:
        """The attempt that the lease holds; None when it is over or somebody else's."""
        ...

    async def finish(
        self, lease: Lease, status: DeliveryStatus, target: str, outcome: Outcome, at: datetime
    ) -> bool:
        """Note how the attempt ended; False when the lease is no longer good."""
        ...


@dataclass(frozen=True, slots=True)
class Unit:
    """One transaction's collaborators."""

    references: ReferenceRepository
    rules: RuleRepository
    alerts: AlertRepository
    deliveries: DeliveryRepository
    outbox: Outbox
    inbox: Inbox
