"""Sends a test message to a contact point, at once, and says how it fared."""

from uuid import UUID

from services.alerting.contact_points.domain import ContactKind, ContactPoint
from services.alerting.database.unit import Unit
from services.alerting.deliveries.courier import Courier, MailRoute, Route, Unreachable
from services.alerting.deliveries.domain import Delivery, DeliveryStatus, Outcome
from services.alerting.resources.domain import Kind, Resource
from services.alerting.resources.service import ResourceService
from services.alerting.rotations.domain import Rotation
from shared.access import Caller
from shared.crypto import EncryptionError
from shared.errors import Conflict
from shared.mail.names import quoted

PEOPLE = (ContactKind.ROLE, ContactKind.USER, ContactKind.ROTATION)
NOTE = "This is a test of the contact point {name}, sent by {person}. Nothing has happened to a machine."


class NobodyToTest(Conflict):
    def __init__(self, reason: str) -> None:
        super().__init__(f"No test message can be sent: {reason}.")


class ContactTester:
    """The route is found in a transaction, and the message sent after it."""

    def __init__(self, resources: ResourceService, courier: Courier) -> None:
        self._resources = resources
        self._courier = courier

    async def route(self, unit: Unit, caller: Caller, resource_id: UUID) -> tuple[Resource, Route]:
        """Record the test and find whom it reaches. Raises ResourceNotFound, NobodyToTest."""
        resource = await self._resources.get(unit, Kind.CONTACT_POINT, resource_id)
        await self._resources.record(unit, caller, "tested", resource)
        point = ContactPoint.load(resource.document)
        try:
            if point.kind not in PEOPLE:
                return resource, self._courier.open(resource_id, point)
        except (EncryptionError, Unreachable) as error:
            raise NobodyToTest(str(error)) from None
        return resource, await self._person(unit, caller, point)

    async def send(self, caller: Caller, resource: Resource, route: Route) -> Outcome:
        now = self._resources.now
        note = NOTE.format(name=quoted(resource.name), person=quoted(caller.full_name))
        message = {
            "type": "test",
            "timestamp": now.isoformat(),
            "data": {"change": "test", "severity": "low", "summary": note},
        }
        delivery = Delivery(
            id=self._resources.new_id(),
            organization_id=caller.organization_id,
            alert_id=resource.id,
            message_id=self._resources.new_id(),
            channel=f"contact:{resource.name}",
            target=route.shown,
            change="test",
            message=message,
            attempt=1,
            status=DeliveryStatus.PENDING,
            next_attempt_at=now,
            response_status=None,
            latency_ms=None,
            error=None,
            created_at=now,
            finished_at=None,
        )
        return await self._courier.send(route, delivery, (), None)

    async def _person(self, unit: Unit, caller: Caller, point: ContactPoint) -> Route:
        """A test of a role goes to whoever tests it: the others need not be woken."""
        user_id: UUID | None = caller.user_id
        if point.kind is ContactKind.USER and point.who:
            user_id = UUID(point.who)
        if point.kind is ContactKind.ROTATION:
            rotations = await unit.resources.current([Kind.ROTATION], self._resources.now)
            found = next((each for each in rotations if each.name == point.who), None)
            user_id = Rotation.load(found.document).on_call(self._resources.now) if found else None
        member = await unit.replicas.member(user_id) if user_id else None
        if point.kind is ContactKind.ROLE and member is None:
            return MailRoute(caller.email, user_id=caller.user_id)
        if member is None or not member.email or not member.is_active:
            raise NobodyToTest("nobody is on call, or the person is no longer an active member")
        return MailRoute(member.email, user_id=member.user_id)
