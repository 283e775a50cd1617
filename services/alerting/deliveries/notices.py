"""What becomes of targets that cannot be reached: a breaker, switching off, notices to administrators."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid5

from services.alerting.contact_points.domain import ContactPoint, masked_address
from services.alerting.database.unit import Unit
from services.alerting.deliveries.domain import (
    GIVEN_UP_CHANGE,
    LANES,
    Delivery,
    DeliveryStatus,
    Outcome,
)
from services.alerting.deliveries.notifier import enqueue
from services.alerting.resources.domain import Kind
from shared.access import Role
from shared.clock import IdGenerator

CONTACT = "contact:"


class Notices:
    def __init__(self, new_id: IdGenerator) -> None:
        self._new_id = new_id

    async def attempted(self, unit: Unit, delivery: Delivery, outcome: Outcome, now: datetime) -> None:
        """Note the outcome of an attempt. Administrators are told of a target that missed a message."""
        if not delivery.target_key or delivery.change == GIVEN_UP_CHANGE:
            return
        before = await unit.ledger.target(delivery.organization_id, delivery.target_key)
        failed = outcome.status in (DeliveryStatus.FAILED, DeliveryStatus.GIVEN_UP)
        # A person is reached through the mail server of the installation, whose faults are not theirs.
        counted = replace(outcome, status=DeliveryStatus.FAILED) if failed else outcome
        after = before if delivery.channel == "email" else before.after(counted, now)
        if outcome.status is DeliveryStatus.GIVEN_UP and before.may_notice(now):
            after = replace(after, noticed_at=now)
            await self._tell_administrators(unit, delivery, outcome, now)
        if outcome.gone:
            await self._switch_off(unit, delivery, outcome, now)
        if after != before:
            await unit.ledger.put_target(after)

    async def _switch_off(self, unit: Unit, delivery: Delivery, outcome: Outcome, now: datetime) -> None:
        if not delivery.target_key.startswith(CONTACT):
            return
        resource_id = UUID(delivery.target_key.removeprefix(CONTACT))
        resource = await unit.resources.lock(Kind.CONTACT_POINT, resource_id)
        if resource is not None:
            point = ContactPoint.load(resource.document).switched(False, str(outcome.error))
            await unit.resources.update(resource.changed(now, document=point.stored()))

    async def _tell_administrators(
        self, unit: Unit, delivery: Delivery, outcome: Outcome, now: datetime
    ) -> None:
        for member in await unit.ledger.members([Role.ADMIN.label, Role.OWNER.label]):
            message = {
                "type": f"delivery.{GIVEN_UP_CHANGE}",
                "timestamp": now.isoformat(),
                "data": {
                    **delivery.message.get("data", {}),
                    "change": GIVEN_UP_CHANGE,
                    "target": delivery.target,
                    "channel": delivery.channel,
                    "error": str(outcome.error),
                },
            }
            notice = Delivery(
                id=self._new_id(),
                organization_id=delivery.organization_id,
                alert_id=delivery.alert_id,
                message_id=self._new_id(),
                channel="email",
                target=masked_address(member.email or ""),
                change=GIVEN_UP_CHANGE,
                message=message,
                attempt=1,
                status=DeliveryStatus.PENDING,
                next_attempt_at=now,
                response_status=None,
                latency_ms=None,
                error=None,
                created_at=now,
                finished_at=None,
                # A lane of its own: it must not replace a message about the alert.
                lane_id=uuid5(LANES, f"{delivery.lane}/{GIVEN_UP_CHANGE}/{member.user_id}"),
                target_key=f"user:{member.user_id}",
            )
            await unit.deliveries.add(notice)
            await enqueue(unit, notice)
