"""The repositories that use cases depend on, and the unit of work that bundles them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.alerting.acknowledgements.domain import Link
from services.alerting.alerts.changes import AlertChange, RecordedChange
from services.alerting.alerts.domain import Alert, AlertFilter
from services.alerting.deliveries.domain import (
    Delivery,
    DeliveryFilter,
    Outcome,
    TargetState,
    Told,
)
from services.alerting.replicas.domain import MachineRef, MemberRef, OrganizationRef
from services.alerting.resources.domain import Kind, Resource, ResourceFilter
from services.alerting.rules.domain import Actions, Rule, RuleFilter
from services.alerting.rules.signals import Severity
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

    async def lock_watching(self, machine_id: UUID) -> Sequence[WatchingRule]:
        """The active rules of the machine, locked, always in the same order."""
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

    async def get(self, delivery_id: UUID) -> Delivery | None: ...

    async def of_alert(self, alert_id: UUID) -> Sequence[Delivery]: ...

    async def list(self, wanted: DeliveryFilter, page: PageRequest) -> Slice[Delivery]: ...

    async def pending(self, lane_id: UUID) -> Sequence[Delivery]:
        """The pending attempts of a lane, newest first."""
        ...

    async def take_group(self, delivery: Delivery, at: datetime, limit: int) -> None:
        """Let the message take the other first attempts of its group along."""
        ...

    async def regroup(self, older: UUID, newer: UUID) -> None:
        """Hand what a message took along to the one that replaces it."""
        ...

    async def grouped_into(self, message_id: UUID) -> Sequence[Delivery]:
        """What a message has taken along."""
        ...

    async def hasten(self, lane_id: UUID, due_at: datetime) -> None:
        """Let the job of a lane that waits run at a time, unless it runs earlier anyway."""
        ...

    async def postpone(self, lane_id: UUID, due_at: datetime) -> None:
        """Change when the pending attempts of a lane are due."""
        ...

    async def finish(self, delivery: Delivery, outcome: Outcome, at: datetime) -> None:
        """Record the target and the outcome of an attempt."""
        ...


class ResourceRepository(Protocol):
    """Contact points, rotations, silences, maintenance windows and opt-outs."""

    async def add(self, resource: Resource) -> bool:
        """Store a resource; False, without storing it, if its name is a handle that is taken."""
        ...

    async def get(self, kind: Kind, resource_id: UUID) -> Resource | None: ...

    async def lock(self, kind: Kind, resource_id: UUID) -> Resource | None: ...

    async def current(self, kinds: Sequence[Kind], at: datetime) -> Sequence[Resource]:
        """All resources of the kinds that have not ended, oldest first."""
        ...

    async def list(self, wanted: ResourceFilter, page: PageRequest) -> Slice[Resource]: ...

    async def update(self, resource: Resource) -> None: ...

    async def delete(self, resource_id: UUID) -> None: ...

    async def count(self, kind: Kind) -> int: ...

    async def rule_that_names(self, recipient: str) -> str | None:
        """The name of a rule whose steps name the recipient."""
        ...


@dataclass(frozen=True, slots=True)
class OpenAlert:
    id: UUID
    rule_id: UUID
    severity: Severity


class Ledger(Protocol):
    """Who was told of alerts, what is known of targets, and links that acknowledge."""

    async def opened(self, alert_id: UUID) -> tuple[datetime, str] | None:
        """When and how the alert opened last: raised or reopened."""
        ...

    async def told(self, alert_id: UUID, since: datetime) -> Sequence[Told]: ...

    async def actions(self, rule_id: UUID) -> Actions | None:
        """The actions of a rule, even of a deleted one; None once its machine was deleted."""
        ...

    async def open_beside(self, machine_id: UUID) -> Sequence[OpenAlert]: ...

    async def open_and_suppressed(self) -> Sequence[UUID]:
        """Open alerts of which a message was suppressed."""
        ...

    async def target(self, organization_id: UUID, key: str) -> TargetState: ...

    async def put_target(self, state: TargetState) -> None: ...

    async def forget_targets(self, prefix: str) -> None: ...

    async def add_link(self, link: Link) -> None: ...

    async def link(self, token_hash: bytes) -> Link | None: ...

    async def lock_link(self, token_hash: bytes) -> Link | None: ...

    async def end_link(self, token_hash: bytes, at: datetime) -> None: ...

    async def revoke_links(self, alert_id: UUID, at: datetime) -> int: ...

    async def members(self, roles: Sequence[str]) -> Sequence[MemberRef]:
        """Members with one of the roles who can be reached."""
        ...

    async def member(self, user_id: UUID) -> MemberRef | None: ...

    async def organization_name(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Unit:
    """The repositories, queue, timers, outbox and inbox of one transaction."""

    replicas: ReplicaRepository
    rules: RuleRepository
    alerts: AlertRepository
    deliveries: DeliveryRepository
    resources: ResourceRepository
    ledger: Ledger
    jobs: Jobs
    timers: Timers
    outbox: Outbox
    inbox: Inbox
