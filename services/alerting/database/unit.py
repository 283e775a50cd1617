"""The repositories that use cases depend on, and the unit of work that bundles them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.alerting.alerts.changes import AlertChange, RecordedChange
from services.alerting.alerts.domain import Alert, AlertFilter
from services.alerting.alerts.summary import AlertCounts, AlertSummary
from services.alerting.database.people.interfaces import Ledger, ResourceRepository
from services.alerting.database.series import SeriesRepository
from services.alerting.deliveries.domain import Delivery, DeliveryFilter, Outcome
from services.alerting.performance.domain import (
    AlertBudget,
    NightlyCalls,
    PerformanceFilter,
    RulePerformance,
)
from services.alerting.replicas.domain import MachineRef, MemberRef, OrganizationRef
from services.alerting.rules.domain import Rule, RuleFilter
from services.alerting.templates.domain import RuleTemplate, TemplateCounts
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

    async def statuses(self, machine_ids: Sequence[UUID]) -> Mapping[UUID, str]: ...

    async def machines_after(self, machine_id: UUID, limit: int) -> Sequence[MachineRef]:
        """The next machines in the order of their ids, even deleted ones."""
        ...

    async def analysis_deleted(self, analysis_id: UUID) -> bool: ...

    async def merge_member(self, member: MemberRef) -> None:
        """Store a newer version; older ones are ignored."""
        ...

    async def member(self, user_id: UUID) -> MemberRef | None: ...

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

    async def count(self, machine_id: UUID) -> int:
        """How many rules the machine has."""
        ...

    async def lock_of_template(self, template_id: UUID, machine_id: UUID) -> Rule | None:
        """The rule that a template has for a machine, even a deleted one, locked."""
        ...

    async def watching(self, machine_id: UUID) -> Sequence[WatchingRule]:
        """The active rules of the machine, unless it is deleted."""
        ...

    async def lock_all(self, rule_ids: Sequence[UUID]) -> Sequence[Rule]:
        """These rules, locked, always in the same order."""
        ...

    async def lock_of_alerts(self, alert_ids: Sequence[UUID]) -> None:
        """Lock the rules of these alerts in the order of `lock_watching`."""
        ...

    async def update(self, rule: Rule) -> None: ...

    async def are_addresses_sealed(self) -> bool:
        """Whether new addresses are sealed: false until no older version runs, which could not read them."""
        ...

    async def delete_of_machine(self, machine_id: UUID) -> None:
        """Delete the rules of the machine with their alerts and deliveries."""
        ...


class TemplateRepository(Protocol):
    async def add(self, template: RuleTemplate) -> None: ...

    async def get(self, template_id: UUID) -> RuleTemplate | None: ...

    async def lock(self, template_id: UUID) -> RuleTemplate | None:
        """The template, even a deleted one, locked against changes until the transaction ends."""
        ...

    async def lock_all(self) -> Sequence[RuleTemplate]:
        """All templates of the organization, locked likewise, for a machine that this transaction stores."""
        ...

    async def await_machines(self) -> None:
        """Wait for transactions that called `lock_all`, so that a pass sees the machines that they store."""
        ...

    async def list(self, page: PageRequest) -> Slice[RuleTemplate]: ...

    async def update(self, template: RuleTemplate) -> None: ...

    async def reached(self, template_id: UUID, sync_after: UUID | None) -> None:
        """Note how far the pass over the machines has come."""
        ...

    async def counts(self, template_id: UUID) -> TemplateCounts: ...


class AlertRepository(Protocol):
    async def add(self, alert: Alert) -> bool:
        """Store a new alert; False, without storing it, if an open one has the same dedupe key."""
        ...

    async def get(self, alert_id: UUID) -> Alert | None: ...

    async def lock(self, alert_id: UUID) -> Alert | None: ...

    async def lock_all(self, alert_ids: Sequence[UUID]) -> None:
        """Lock these alerts in a fixed order, which is that of `lock_open_of`."""
        ...

    async def lock_open(self, organization_id: UUID, dedupe_key: str) -> Alert | None: ...

    async def lock_open_of(self, organization_id: UUID, dedupe_keys: Sequence[str]) -> Sequence[Alert]:
        """The open alerts of these keys, locked in a fixed order."""
        ...

    async def lock_resolved_since(self, rule_id: UUID, dedupe_key: str, since: datetime) -> Alert | None:
        """The alert of rule and key that was resolved last, if that was not before `since`."""
        ...

    async def lock_open_of_rule(self, rule_id: UUID) -> Sequence[Alert]: ...

    async def lock_open_of_machine(self, machine_id: UUID, limit: int) -> Sequence[Alert]: ...

    async def list(self, wanted: AlertFilter, page: PageRequest) -> Slice[Alert]: ...

    async def count(self, wanted: AlertFilter) -> AlertCounts:
        """The alerts that `list` shows, on all pages."""
        ...

    async def summary(self, since: datetime, until: datetime) -> AlertSummary:
        """What happened from `since` to before `until`, and what is open now."""
        ...

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

    async def take_group(self, delivery: Delivery, at: datetime, limit: int) -> bool:
        """Let the message take the other first attempts of its group along.

        Two that are sent at the same time take no part in each other's message. False if another has already
        taken this one along.
        """
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


class PerformanceRepository(Protocol):
    async def list(self, wanted: PerformanceFilter, page: PageRequest) -> Slice[RulePerformance]: ...

    async def budget(self) -> AlertBudget | None: ...

    async def set_budget(self, organization_id: UUID, budget: AlertBudget, at: datetime) -> None: ...

    async def remove_budget(self) -> None: ...

    async def calls(self, budget: AlertBudget, since: datetime, until: datetime) -> Sequence[NightlyCalls]:
        """The alerts of each rule in each night from `since` to before `until`."""
        ...


@dataclass(frozen=True, slots=True)
class Unit:
    """The repositories, queue, timers, outbox and inbox of one transaction."""

    replicas: ReplicaRepository
    rules: RuleRepository
    templates: TemplateRepository
    alerts: AlertRepository
    performance: PerformanceRepository
    deliveries: DeliveryRepository
    resources: ResourceRepository
    ledger: Ledger
    series: SeriesRepository
    jobs: Jobs
    timers: Timers
    outbox: Outbox
    inbox: Inbox
