"""The series of machines on fakes."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from services.alerting.alerts.domain import AlertStatus
from services.alerting.database.series import RecordedAlert, RuleMemory, SeriesRange
from services.alerting.judging.state import Phase, State
from services.alerting.series.domain import NewRecord, Record
from tests.unit.alerting.memory import Head, Scoped


class FakeSeries(Scoped):
    def _records(self, machine_id: UUID) -> list[Record]:
        found = [record for (machine, _), record in self._memory.records.items() if machine == machine_id]
        return sorted((record for record in found if self._mine(record)), key=lambda record: record.number)

    async def append(self, record: NewRecord) -> bool:
        machine = self._memory.machines.get(record.machine_id)
        if record.analysis_id in self._memory.deleted_analyses or (machine and machine.deleted):
            return False
        head = self._memory.heads.setdefault(record.machine_id, Head())
        head.last += 1
        self._memory.records[record.machine_id, head.last] = Record(**_values(record), number=head.last)
        watched = any(
            rule.machine_id == record.machine_id and rule.is_active and rule.deleted_at is None
            for rule in self._memory.rules.values()
        )
        if head.queued:
            return False
        head.queued = watched
        if not watched:
            head.judged = head.last
        return watched

    async def add_history(self, record: NewRecord) -> None:
        self._memory.records.setdefault((record.machine_id, 0), Record(**_values(record), number=0))

    async def queue_judgement(self, organization_id: UUID, machine_id: UUID) -> bool:
        head = self._memory.heads.setdefault(machine_id, Head())
        fresh, head.queued = not head.queued, True
        return fresh

    async def judged_number(self, machine_id: UUID) -> int:
        return self._memory.heads[machine_id].judged if machine_id in self._memory.heads else 0

    async def finish_judging(self, machine_id: UUID, number: int) -> bool:
        head = self._memory.heads[machine_id]
        head.judged = max(head.judged, number)
        head.queued = head.queued and head.last > number
        return head.queued

    async def after(self, machine_id: UUID, number: int, limit: int) -> Sequence[Record]:
        return [record for record in self._records(machine_id) if record.number > number][:limit]

    async def between(
        self, machine_id: UUID, number: int, since: datetime, until: datetime, limit: int
    ) -> Sequence[Record]:
        found = [
            record
            for record in self._records(machine_id)
            if record.number <= number and record.last_at > since and record.first_at <= until
        ]
        newest = sorted(found, key=lambda record: (record.last_at, record.number))[-limit:]
        return sorted(newest, key=lambda record: (record.first_at, record.number))

    async def range(self, machine_id: UUID) -> SeriesRange:
        found = self._records(machine_id)
        return SeriesRange(
            min((record.first_at for record in found), default=None),
            max((record.last_at for record in found), default=None),
            any(record.number == 0 for record in found),
        )

    async def replace(self, record: Record) -> None:
        self._memory.records[record.machine_id, record.number] = record

    async def memories(self, machine_id: UUID) -> dict[UUID, RuleMemory]:
        phases = {
            alert.alert_rule_id: Phase(alert.status.value)
            for alert in self._memory.alerts.values()
            if self._mine(alert) and alert.is_open
        }
        return {
            rule.id: RuleMemory(self._memory.states.get(rule.id), phases.get(rule.id, Phase.IDLE))
            for rule in self._memory.rules.values()
            if rule.machine_id == machine_id and rule.is_active and rule.deleted_at is None
        }

    async def remember(self, states: Sequence[tuple[UUID, State]]) -> None:
        for rule_id, state in states:
            if self._memory.rules[rule_id].version == state.version:
                self._memory.states[rule_id] = State.load(state.stored())

    async def forget(self, rule_id: UUID) -> None:
        self._memory.states.pop(rule_id, None)

    async def recorded_alerts(
        self, machine_id: UUID, rule_id: UUID | None, since: datetime, until: datetime, limit: int
    ) -> Sequence[RecordedAlert]:
        found = [
            alert
            for alert in self._memory.alerts.values()
            if alert.machine_id == machine_id
            and rule_id in (None, alert.alert_rule_id)
            and alert.status is not AlertStatus.PENDING
            and alert.first_seen_at < until
            and alert.last_seen_at >= since
        ]
        newest = sorted(found, key=lambda alert: alert.created_at, reverse=True)[:limit]
        return [RecordedAlert(alert.first_seen_at, alert.last_seen_at, alert.outcome) for alert in newest]


def _values(record: NewRecord) -> dict[str, Any]:
    return {each.name: getattr(record, each.name) for each in fields(NewRecord)}
