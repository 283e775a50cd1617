"""Finds out whom a step of a rule reaches at a moment."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from uuid import UUID

from services.alerting.alerts.domain import Alert
from services.alerting.contact_points.domain import ContactKind, ContactPoint, masked_address
from services.alerting.database.unit import Unit
from services.alerting.deliveries.domain import Target
from services.alerting.deliveries.escalation import Step
from services.alerting.resources.domain import Kind, Resource
from services.alerting.rotations.domain import Rotation
from services.alerting.rules.domain import CHANNEL_PREFIX, Rule
from services.alerting.rules.signals import Severity
from shared.access import Role

RESOLVED_KINDS = (Kind.CONTACT_POINT, Kind.ROTATION, Kind.OPT_OUT)


class Recipients:
    """Resolves the recipients of one alert; reads what an organization has set up once."""

    def __init__(self, unit: Unit, rule: Rule, alert: Alert, now: datetime) -> None:
        self._unit = unit
        self._rule = rule
        self._alert = alert
        self._now = now
        self._resources: Sequence[Resource] | None = None

    async def of_step(self, step: Step) -> list[Target]:
        """Each target once; empty if nobody can be reached, such as before a rotation starts."""
        targets: dict[str, Target] = {}
        for channel in step.channels:
            webhook = self._rule.actions.webhook(channel)
            if webhook is not None:
                key = f"rule:{self._rule.id}/{channel.removeprefix(CHANNEL_PREFIX)}"
                targets.setdefault(key, Target(key, channel, webhook.host, read=False))
        for recipient in step.to:
            async for target in self._reach(recipient):
                targets.setdefault(target.key, target)
        return list(targets.values())

    async def _reach(self, recipient: str) -> AsyncIterator[Target]:
        kind, _, name = recipient.partition(":")
        if kind == "role":
            for target in await self._role(name):
                yield target
        elif kind == "user":
            async for target in self._user(UUID(name)):
                yield target
        elif kind == "rotation":
            rotation = await self._named(Kind.ROTATION, name)
            user_id = Rotation.load(rotation.document).on_call(self._now) if rotation else None
            if user_id is not None:
                async for target in self._user(user_id):
                    yield target
        else:
            async for target in self._contact(name):
                yield target

    async def _contact(self, name: str) -> AsyncIterator[Target]:
        resource = await self._named(Kind.CONTACT_POINT, name)
        point = ContactPoint.load(resource.document) if resource else None
        if resource is None or point is None or not point.is_active:
            return
        if point.kind in (ContactKind.ROLE, ContactKind.USER, ContactKind.ROTATION):
            async for target in self._reach(f"{point.kind}:{point.who}"):
                yield target
            return
        read = point.kind is not ContactKind.WEBHOOK
        yield Target(f"contact:{resource.id}", f"contact:{name}", point.shown, read=read)

    async def _role(self, name: str) -> list[Target]:
        """Whoever has the role or, if nobody has, the next higher one: an alert must reach somebody."""
        for role in range(Role.parse(name), Role.OWNER + 1):
            members = await self._unit.ledger.members([Role(role).label])
            if members:
                return [
                    _mail(member.user_id, member.email or "")
                    for member in members
                    if not await self._opted_out(member.user_id)
                ]
        return []

    async def _user(self, user_id: UUID) -> AsyncIterator[Target]:
        """Whoever is named or on call is told, whatever the person has opted out of."""
        member = await self._unit.replicas.member(user_id)
        if member is not None and member.is_active and not member.deleted and member.email:
            yield _mail(user_id, member.email)

    async def _opted_out(self, user_id: UUID) -> bool:
        return any(
            (not each.document["rule_ids"] or str(self._rule.id) in each.document["rule_ids"])
            and (
                each.document["below"] is None
                or self._alert.severity < Severity.parse(each.document["below"])
            )
            for each in await self._all()
            if each.kind is Kind.OPT_OUT and each.created_by == user_id
        )

    async def _named(self, kind: Kind, name: str) -> Resource | None:
        return next((each for each in await self._all() if each.kind is kind and each.name == name), None)

    async def _all(self) -> Sequence[Resource]:
        if self._resources is None:
            self._resources = await self._unit.resources.current(RESOLVED_KINDS, self._now)
        return self._resources


def _mail(user_id: UUID, address: str) -> Target:
    return Target(f"user:{user_id}", "email", masked_address(address))
