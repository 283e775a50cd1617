"""In-memory repositories, which pass the same suite as those on PostgreSQL."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from services.alerting.alerts.changes import AlertChange, RecordedChange
from services.alerting.alerts.domain import Alert, AlertFilter, AlertStatus
from services.alerting.alerts.summary import AlertCounts, AlertSummary, Group
from services.alerting.database.unit import Unit, WatchingRule
from services.alerting.replicas.domain import MachineRef, MemberRef, OrganizationRef
from services.alerting.rules.domain import Rule, RuleFilter
from services.alerting.timer.timers import Timers
from shared.access import Scope
from shared.clock import Clock
from shared.http.pages import PageRequest, Slice
from shared.jobs.memory import MemoryQueue
from tests.support.fakes import FakeInbox, FakeOutbox
from tests.unit.alerting.fakes_people import FakeDeliveries, FakeLedger, FakeResources
from tests.unit.alerting.memory import Memory, Scoped, page_of
from tests.unit.alerting.performance.fakes import FakePerformance
from tests.unit.alerting.series.fakes import FakeSeries
from tests.unit.alerting.templates.fakes import FakeTemplates
from tests.unit.alerting.timer.fakes import FakeJobs


class FakeReplicas(Scoped):
    async def merge_machine(self, machine: MachineRef) -> None:
        known = self._memory.machines.get(machine.id)
        if known is None or (known.version < machine.version and not known.deleted):
            self._memory.machines[machine.id] = machine

    async def machine(self, machine_id: UUID) -> MachineRef | None:
        found = self._memory.machines.get(machine_id)
        return found if found is not None and self._mine(found) else None

    async def lock_machine(self, machine_id: UUID) -> MachineRef | None:
        return await self.machine(machine_id)

    async def statuses(self, machine_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        machines = self._memory.machines
        return {each: machines[each].status for each in machine_ids if each in machines}

    async def machines_after(self, machine_id: UUID, limit: int) -> Sequence[MachineRef]:
        found = [m for m in self._memory.machines.values() if self._mine(m) and m.id > machine_id]
        return sorted(found, key=lambda machine: machine.id)[:limit]

    async def analysis_deleted(self, analysis_id: UUID) -> bool:
        return analysis_id in self._memory.deleted_analyses

    async def merge_member(self, member: MemberRef) -> None:
        key = (member.organization_id, member.user_id)
        known = self._memory.members.get(key)
        if known is None or known.version < member.version:
            self._memory.members[key] = member

    async def member(self, user_id: UUID) -> MemberRef | None:
        organization_id = self._scope.organization_id
        return self._memory.members.get((organization_id, user_id)) if organization_id else None

    async def merge_organization(self, organization: OrganizationRef) -> None:
        known = self._memory.organizations.get(organization.organization_id)
        if known is None or known.version < organization.version:
            self._memory.organizations[organization.organization_id] = organization


class FakeRules(Scoped):
    async def add(self, rule: Rule) -> None:
        self._memory.rules[rule.id] = rule

    async def get(self, rule_id: UUID) -> Rule | None:
        found = self._memory.rules.get(rule_id)
        return found if found is not None and self._mine(found) and found.deleted_at is None else None

    async def lock(self, rule_id: UUID, *, deleted: bool = False) -> Rule | None:
        found = self._memory.rules.get(rule_id)
        return found if deleted and found is not None and self._mine(found) else await self.get(rule_id)

    async def are_addresses_sealed(self) -> bool:
        return self._memory.seals

    async def list(self, wanted: RuleFilter, page: PageRequest) -> Slice[Rule]:
        rules = [
            rule
            for rule in self._memory.rules.values()
            if self._mine(rule)
            and rule.deleted_at is None
            and wanted.machine_id in (None, rule.machine_id)
            and wanted.is_active in (None, rule.is_active)
            and wanted.template_id in (None, rule.template_id)
        ]
        return page_of(rules, page)

    async def count(self, machine_id: UUID) -> int:
        own = [rule for rule in self._memory.rules.values() if rule.machine_id == machine_id]
        return sum(self._mine(rule) and rule.deleted_at is None for rule in own)

    async def lock_of_template(self, template_id: UUID, machine_id: UUID) -> Rule | None:
        for rule in self._memory.rules.values():
            if (rule.template_id, rule.machine_id) == (template_id, machine_id):
                return rule
        return None

    async def lock_all(self, rule_ids: Sequence[UUID]) -> Sequence[Rule]:
        found = [await self.get(rule_id) for rule_id in sorted(rule_ids)]
        return [rule for rule in found if rule is not None]

    async def watching(self, machine_id: UUID) -> Sequence[WatchingRule]:
        rules = (await self.list(RuleFilter(machine_id, True), PageRequest(limit=500))).items
        machine = self._memory.machines[machine_id] if rules else None
        return [
            WatchingRule(rule, machine.name)
            for rule in sorted(rules, key=lambda rule: rule.id)
            if machine is not None and not machine.deleted and machine.status == "active"
        ]

    async def lock_of_alerts(self, alert_ids: Sequence[UUID]) -> None:
        pass

    async def update(self, rule: Rule) -> None:
        self._memory.rules[rule.id] = rule

    async def delete_of_machine(self, machine_id: UUID) -> None:
        memory = self._memory
        memory.rules = {k: v for k, v in memory.rules.items() if v.machine_id != machine_id}
        memory.alerts = {k: v for k, v in memory.alerts.items() if v.machine_id != machine_id}
        memory.deliveries = {k: v for k, v in memory.deliveries.items() if v.alert_id in memory.alerts}


class FakeAlerts(Scoped):
    async def add(self, alert: Alert) -> bool:
        if await self.lock_open(alert.organization_id, alert.dedupe_key) is not None:
            return False
        self._memory.alerts[alert.id] = alert
        return True

    async def get(self, alert_id: UUID) -> Alert | None:
        found = self._memory.alerts.get(alert_id)
        return found if found is not None and self._mine(found) else None

    async def lock(self, alert_id: UUID) -> Alert | None:
        return await self.get(alert_id)

    async def lock_all(self, alert_ids: Sequence[UUID]) -> None:
        pass

    async def lock_open(self, organization_id: UUID, dedupe_key: str) -> Alert | None:
        for alert in self._memory.alerts.values():
            if self._mine(alert) and alert.dedupe_key == dedupe_key and _is_open(alert):
                return alert
        return None

    async def lock_open_of(self, organization_id: UUID, dedupe_keys: Sequence[str]) -> Sequence[Alert]:
        found = [await self.lock_open(organization_id, key) for key in sorted(dedupe_keys)]
        return [alert for alert in found if alert is not None]

    async def lock_resolved_since(self, rule_id: UUID, dedupe_key: str, since: datetime) -> Alert | None:
        resolved = [
            (alert.resolved_at, alert)
            for alert in self._memory.alerts.values()
            if (alert.alert_rule_id, alert.dedupe_key) == (rule_id, dedupe_key)
            and not _is_open(alert)
            and alert.resolved_at is not None
            and alert.resolved_at >= since
        ]
        return max(resolved, key=lambda pair: pair[0])[1] if resolved else None

    async def lock_open_of_rule(self, rule_id: UUID) -> Sequence[Alert]:
        return [a for a in self._memory.alerts.values() if a.alert_rule_id == rule_id and _is_open(a)]

    async def lock_open_of_machine(self, machine_id: UUID, limit: int) -> Sequence[Alert]:
        found = [a for a in self._memory.alerts.values() if a.machine_id == machine_id and _is_open(a)]
        return found[:limit]

    async def list(self, wanted: AlertFilter, page: PageRequest) -> Slice[Alert]:
        return page_of([*self._wanted(wanted)], page)

    async def count(self, wanted: AlertFilter) -> AlertCounts:
        groups = Counter(
            Group(alert.status, alert.severity.label, alert.acknowledged_at is not None)
            for alert in self._wanted(wanted)
        )
        return AlertCounts.of(list(groups.items()))

    async def summary(self, since: datetime, until: datetime) -> AlertSummary:
        raise NotImplementedError("summaries are arithmetic of the database")

    def _wanted(self, wanted: AlertFilter) -> Sequence[Alert]:
        return [
            alert
            for alert in self._memory.alerts.values()
            if self._mine(alert)
            and (wanted.status or alert.status is not AlertStatus.PENDING)
            and wanted.status in (None, alert.status)
            and wanted.severity in (None, alert.severity)
            and wanted.machine_id in (None, alert.machine_id)
            and wanted.alert_rule_id in (None, alert.alert_rule_id)
            and wanted.assigned_to in (None, alert.assigned_to)
            and wanted.open in (None, alert.is_open)
            and wanted.unacknowledged in (None, alert.acknowledged_at is None)
            and (wanted.since is None or alert.created_at >= wanted.since)
            and (wanted.until is None or alert.created_at < wanted.until)
        ]

    async def update(self, alert: Alert) -> None:
        self._memory.alerts[alert.id] = alert

    async def reopen(self, alert: Alert) -> bool:
        if await self.lock_open(alert.organization_id, alert.dedupe_key) is not None:
            return False
        await self.update(alert)
        return True

    async def discard(self, alert_id: UUID) -> None:
        if self._memory.alerts[alert_id].status is AlertStatus.PENDING:
            del self._memory.alerts[alert_id]

    async def record(self, change: AlertChange) -> None:
        self._memory.changes.append(change)

    async def changes_of(self, alert_id: UUID) -> Sequence[RecordedChange]:
        return [_recorded(change) for change in self._memory.changes if change.alert.id == alert_id]


class FakeUnits:
    """Without transactions: writes before an error persist."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.memory = Memory()
        self.queue = MemoryQueue(clock)
        self.outbox = FakeOutbox()
        self._inbox = FakeInbox()

    @asynccontextmanager
    async def __call__(self, scope: Scope) -> AsyncIterator[Unit]:
        jobs = FakeJobs(self.queue, scope)
        yield Unit(
            replicas=FakeReplicas(self.memory, scope),
            rules=FakeRules(self.memory, scope),
            templates=FakeTemplates(self.memory.templates, self.memory.rules, scope),
            alerts=FakeAlerts(self.memory, scope),
            performance=FakePerformance(self.memory.budgets, scope),
            deliveries=FakeDeliveries(self.memory, scope, self.queue),
            resources=FakeResources(self.memory, scope),
            ledger=FakeLedger(self.memory, scope),
            series=FakeSeries(self.memory, scope),
            jobs=jobs,
            timers=Timers(jobs, self._clock),
            outbox=self.outbox,
            inbox=self._inbox,
        )


def _is_open(alert: Alert) -> bool:
    return alert.status is not AlertStatus.RESOLVED


def _recorded(change: AlertChange) -> RecordedChange:
    alert = change.alert
    return RecordedChange(
        alert.id,
        alert.version,
        change.kind,
        change.at,
        change.by,
        change.reason,
        change.code,
        alert.status,
        alert.severity,
        alert.assigned_to,
    )
