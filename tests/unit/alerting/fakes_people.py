"""In-memory repositories of how alerts reach people, which pass the same suite as those on PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.alerting.acknowledgements.domain import Link
from services.alerting.alerts.domain import AlertStatus, Change
from services.alerting.database.people.interfaces import OpenAlert
from services.alerting.deliveries.domain import (
    GIVEN_UP_CHANGE,
    Delivery,
    DeliveryFilter,
    DeliveryStatus,
    Outcome,
    TargetState,
    Told,
)
from services.alerting.replicas.domain import MemberRef
from services.alerting.resources.domain import Kind, Resource, ResourceFilter
from services.alerting.rules.domain import Actions, Rule
from services.alerting.templates.domain import RuleTemplate
from shared.access import Scope
from shared.http.pages import PageRequest, Slice
from shared.jobs.memory import MemoryQueue
from shared.mail.domain import Delivery as Sent
from shared.mail.domain import Mail
from tests.unit.alerting.memory import Memory, Scoped, page_of

HANDLES = (Kind.CONTACT_POINT, Kind.ROTATION)
UNTOLD = (DeliveryStatus.CANCELLED,)


class FakeDeliveries(Scoped):
    def __init__(self, memory: Memory, scope: Scope, queue: MemoryQueue) -> None:
        super().__init__(memory, scope)
        self._queue = queue

    async def add(self, delivery: Delivery) -> None:
        self._memory.deliveries[delivery.id] = delivery

    async def get(self, delivery_id: UUID) -> Delivery | None:
        found = self._memory.deliveries.get(delivery_id)
        return found if found is not None and self._mine(found) else None

    async def of_alert(self, alert_id: UUID) -> Sequence[Delivery]:
        found = [d for d in self._memory.deliveries.values() if d.alert_id == alert_id and self._mine(d)]
        return sorted(found, key=lambda d: (d.created_at, d.attempt, d.id))

    async def list(self, wanted: DeliveryFilter, page: PageRequest) -> Slice[Delivery]:
        deliveries = [
            each
            for each in self._memory.deliveries.values()
            if self._mine(each) and wanted.status in (None, each.status)
        ]
        return page_of(deliveries, page)

    async def pending(self, lane_id: UUID) -> Sequence[Delivery]:
        found = [
            each
            for each in self._memory.deliveries.values()
            if each.lane == lane_id and each.status is DeliveryStatus.PENDING
        ]
        # Of equally old ones, the one that was added last is the newest.
        return sorted(reversed(found), key=lambda each: each.created_at, reverse=True)

    async def take_group(self, delivery: Delivery, at: datetime, limit: int) -> bool:
        leader = self._memory.deliveries[delivery.id]
        if leader.status is not DeliveryStatus.PENDING:
            return False
        self._memory.deliveries[leader.id] = replace(leader, grouped_into=leader.message_id)
        members = [
            each
            for each in self._memory.deliveries.values()
            if each.group_key == delivery.group_key
            and each.status is DeliveryStatus.PENDING
            and each.attempt == 1
            and each.grouped_into is None
        ]
        for each in members[:limit]:
            self._memory.deliveries[each.id] = replace(
                each, status=DeliveryStatus.GROUPED, grouped_into=delivery.message_id, finished_at=at
            )
        return True

    async def regroup(self, older: UUID, newer: UUID) -> None:
        for each in await self.grouped_into(older):
            self._memory.deliveries[each.id] = replace(each, grouped_into=newer)

    async def grouped_into(self, message_id: UUID) -> Sequence[Delivery]:
        return [
            each
            for each in self._memory.deliveries.values()
            if each.grouped_into == message_id and each.status is DeliveryStatus.GROUPED
        ]

    async def hasten(self, lane_id: UUID, due_at: datetime) -> None:
        row = self._queue._rows.get(lane_id)
        if row is not None and row.token is None:
            row.run_at = min(row.run_at, due_at)

    async def postpone(self, lane_id: UUID, due_at: datetime) -> None:
        for each in await self.pending(lane_id):
            self._memory.deliveries[each.id] = replace(each, next_attempt_at=due_at)

    async def finish(self, delivery: Delivery, outcome: Outcome, at: datetime) -> None:
        self._memory.deliveries[delivery.id] = replace(
            self._memory.deliveries[delivery.id],
            status=outcome.status,
            target=delivery.target,
            response_status=outcome.response_status,
            latency_ms=outcome.latency_ms,
            error=outcome.error,
            finished_at=at,
        )


class FakeResources(Scoped):
    async def add(self, resource: Resource) -> bool:
        taken = {
            (each.kind, each.name)
            for each in self._memory.resources.values()
            if self._mine(each) and each.id != resource.id
        }
        if resource.kind in HANDLES and (resource.kind, resource.name) in taken:
            return False
        self._memory.resources[resource.id] = resource
        return True

    async def get(self, kind: Kind, resource_id: UUID) -> Resource | None:
        found = self._memory.resources.get(resource_id)
        return found if found is not None and self._mine(found) and found.kind is kind else None

    async def lock(self, kind: Kind, resource_id: UUID) -> Resource | None:
        return await self.get(kind, resource_id)

    async def current(self, kinds: Sequence[Kind], at: datetime) -> Sequence[Resource]:
        found = [
            each
            for each in self._memory.resources.values()
            if self._mine(each) and each.kind in kinds and (each.ends_at is None or each.ends_at > at)
        ]
        return sorted(found, key=lambda each: (each.created_at, each.id))

    async def list(self, wanted: ResourceFilter, page: PageRequest) -> Slice[Resource]:
        found = [
            each
            for each in self._memory.resources.values()
            if self._mine(each)
            and each.kind is wanted.kind
            and wanted.created_by in (None, each.created_by)
            and (wanted.ends_after is None or each.ends_at is None or each.ends_at > wanted.ends_after)
        ]
        return page_of(found, page)

    async def update(self, resource: Resource) -> bool:
        return await self.add(resource)

    async def delete(self, resource_id: UUID) -> None:
        del self._memory.resources[resource_id]

    async def count(self, kind: Kind, at: datetime) -> int:
        return len(await self.current([kind], at))

    async def first_that_names(self, recipient: str) -> tuple[str, str] | None:
        named: list[Rule | RuleTemplate] = [*self._memory.rules.values(), *self._memory.templates.values()]
        for each in named:
            tells = any(recipient in step.to for step in each.actions.steps)
            if self._mine(each) and each.deleted_at is None and tells:
                return "alert rule" if isinstance(each, Rule) else "rule template", each.name
        for point in self._memory.resources.values():
            is_rotation = point.kind is Kind.CONTACT_POINT and point.document.get("kind") == "rotation"
            if self._mine(point) and is_rotation and recipient == f"rotation:{point.document['who']}":
                return "contact point", point.name
        return None


class FakeLedger(Scoped):
    async def opened(self, alert_id: UUID) -> tuple[datetime, str] | None:
        opening = [
            (change.at, change.kind.value)
            for change in self._memory.changes
            if change.alert.id == alert_id and change.kind in (Change.RAISED, Change.REOPENED)
        ]
        return opening[-1] if opening else None

    async def told(self, alert_id: UUID, since: datetime) -> Sequence[Told]:
        found: dict[tuple[str, str, int, bool], Told] = {}
        for each in self._memory.deliveries.values():
            if (
                each.alert_id != alert_id
                or each.created_at < since
                or each.status in UNTOLD
                or each.change == GIVEN_UP_CHANGE
                or not each.target_key
            ):
                continue
            suppressed = each.status is DeliveryStatus.SUPPRESSED
            told = Told(each.target_key, each.channel, each.target, each.step, each.created_at, suppressed)
            key = (each.target_key, each.channel, each.step, suppressed)
            if key not in found or found[key].at < told.at:
                found[key] = told
        return list(found.values())

    async def actions(self, rule_id: UUID) -> Actions | None:
        rule = self._memory.rules.get(rule_id)
        return rule.actions if rule is not None and self._mine(rule) else None

    async def open_beside(self, machine_id: UUID) -> Sequence[OpenAlert]:
        return [
            OpenAlert(alert.id, alert.alert_rule_id, alert.severity)
            for alert in self._memory.alerts.values()
            if self._mine(alert)
            and alert.machine_id == machine_id
            and alert.status in (AlertStatus.ACTIVE, AlertStatus.RECOVERING)
        ]

    async def open_and_suppressed(self) -> Sequence[UUID]:
        return list(
            {
                each.alert_id
                for each in self._memory.deliveries.values()
                if each.status is DeliveryStatus.SUPPRESSED and self._memory.alerts[each.alert_id].is_open
            }
        )

    async def target(self, organization_id: UUID, key: str) -> TargetState:
        return self._memory.targets.get(key) or TargetState(organization_id, key)

    async def put_target(self, state: TargetState) -> None:
        self._memory.targets[state.target_key] = state

    async def count_confirmation(
        self, organization_id: UUID, now: datetime, until: datetime
    ) -> tuple[int, datetime]:
        state = self._memory.targets.get("confirmations")
        if state is None or state.open_until is None or state.open_until <= now:
            state = TargetState(organization_id, "confirmations", open_until=until)
        state = replace(state, failures=state.failures + 1)
        self._memory.targets["confirmations"] = state
        return state.failures, state.open_until or until

    async def forget_targets(self, prefix: str) -> None:
        for key in [key for key in self._memory.targets if key.startswith(prefix)]:
            del self._memory.targets[key]

    async def add_link(self, link: Link) -> None:
        self._memory.links[link.token_hash] = link

    async def link(self, token_hash: bytes) -> Link | None:
        found = self._memory.links.get(token_hash)
        return found if found is not None and self._mine(found) else None

    async def lock_link(self, token_hash: bytes) -> Link | None:
        return await self.link(token_hash)

    async def end_link(self, token_hash: bytes, at: datetime) -> None:
        self._memory.links[token_hash] = replace(self._memory.links[token_hash], ended_at=at)

    async def revoke_links(self, alert_id: UUID, at: datetime) -> int:
        mine = [
            each for each in self._memory.links.values() if each.alert_id == alert_id and not each.ended_at
        ]
        for each in mine:
            await self.end_link(each.token_hash, at)
        return len(mine)

    async def members(self, roles: Sequence[str]) -> Sequence[MemberRef]:
        found = [
            each
            for each in self._memory.members.values()
            if self._mine(each) and each.is_active and not each.deleted and each.email and each.role in roles
        ]
        return sorted(found, key=lambda each: each.user_id)

    async def organization_name(self) -> str | None:
        found = self._memory.organizations.get(self._scope.organization_id or UUID(int=0))
        return found.name if found else None


@dataclass
class FakeSender:
    """Records messages, and returns or raises the given outcomes in order, then succeeds."""

    outcomes: list[Outcome | Exception] = field(default_factory=list)
    sent: list[tuple[str, tuple[str, ...], UUID, Mapping[str, Any]]] = field(default_factory=list)

    async def send(
        self, url: str, secrets: Sequence[str], message_id: UUID, message: Mapping[str, Any]
    ) -> Outcome:
        self.sent.append((url, tuple(secrets), message_id, message))
        outcome = self.outcomes.pop(0) if self.outcomes else Outcome(DeliveryStatus.DELIVERED, 204, 1.0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@dataclass
class FakeTransport:
    """Returns the given answers in order; after that, sends everything."""

    answers: list[Sent] = field(default_factory=list)
    sent: list[Mail] = field(default_factory=list)

    async def send(self, mail: Mail) -> Sent:
        answer = self.answers.pop(0) if self.answers else Sent(None)
        if answer.error is None:
            self.sent.append(mail)
        return answer
