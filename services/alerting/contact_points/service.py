"""Use cases of contact points. Callers open the transaction and commit it."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.alerting.confirmations.service import ConfirmationService
from services.alerting.contact_points.documents import (
    AppriseTarget,
    ContactTarget,
    EmailTarget,
    RoleTarget,
    RotationTarget,
    UserTarget,
    WebhookTarget,
)
from services.alerting.contact_points.domain import ContactKind, ContactPoint, chat_service, masked_address
from services.alerting.contact_points.sealing import ContactSealer
from services.alerting.database.unit import Unit
from services.alerting.deliveries.chat import ChatSender
from services.alerting.resources.domain import Kind, Resource, ResourceFilter
from services.alerting.resources.service import ResourceService
from services.alerting.rules.domain import host_of
from shared.access import Caller, Permission
from shared.crypto import EncryptionError
from shared.errors import FieldError, Unprocessable
from shared.http.pages import PageRequest, Slice

KIND = Kind.CONTACT_POINT
# The sealed field that administrators may see again.
VISIBLE: Mapping[ContactKind, str] = {ContactKind.EMAIL: "address", ContactKind.WEBHOOK: "url"}


class InvalidTarget(Unprocessable):
    def __init__(self, field: str, detail: str, code: str = "invalid") -> None:
        error = FieldError(f"/body/target/{field}", detail, code)
        super().__init__("The target is not valid; see errors. Nothing was saved.", errors=[error])


class ContactPointService:
    def __init__(
        self,
        resources: ResourceService,
        sealer: ContactSealer,
        chat: ChatSender,
        confirmations: ConfirmationService,
    ) -> None:
        self._resources = resources
        self._sealer = sealer
        self._chat = chat
        self._confirmations = confirmations

    async def create(self, unit: Unit, caller: Caller, values: Mapping[str, Any]) -> Resource:
        """Raises InvalidTarget, NameTaken, TooMany, TooManyConfirmations."""
        resource_id = self._resources.new_id()
        point = await self._made(unit, caller, resource_id, values["target"], None)
        point = point.switched(values["is_active"])
        return await self._resources.create(
            unit, caller, KIND, values["name"], point.stored(), resource_id=resource_id
        )

    async def get(self, unit: Unit, resource_id: UUID) -> Resource:
        return await self._resources.get(unit, KIND, resource_id)

    async def list(self, unit: Unit, page: PageRequest) -> Slice[Resource]:
        return await unit.resources.list(ResourceFilter(KIND), page)

    async def change(
        self, unit: Unit, caller: Caller, resource_id: UUID, changes: Mapping[str, Any]
    ) -> Resource:
        """Change the given fields.

        Raises ResourceNotFound, InvalidTarget, NameTaken, InUse, TooManyConfirmations.
        """
        before = await self._resources.lock(unit, KIND, resource_id)
        if not changes:
            return before
        point = ContactPoint.load(before.document)
        if "target" in changes:
            made = await self._made(unit, caller, resource_id, changes["target"], point)
            point = made.switched(point.is_active, point.disabled_reason)
        if "is_active" in changes:
            point = point.switched(changes["is_active"])
        # What failed at the old address says nothing about the new one.
        await unit.ledger.forget_targets(f"contact:{resource_id}")
        name = changes.get("name", before.name)
        return await self._resources.change(unit, caller, before, name=name, document=point.stored())

    async def ask_again(self, unit: Unit, caller: Caller, resource_id: UUID) -> Resource:
        """Send the mail that asks for confirmation. Raises ResourceNotFound and what `ask` raises."""
        before = await self._resources.lock(unit, KIND, resource_id)
        point = ContactPoint.load(before.document)
        point = await self._confirmations.ask(unit, caller.organization_id, resource_id, point)
        return await self._resources.change(unit, caller, before, document=point.stored())

    async def remove(self, unit: Unit, caller: Caller, resource_id: UUID) -> None:
        """Raises ResourceNotFound, InUse."""
        await self._resources.remove(unit, caller, KIND, resource_id)
        await unit.ledger.forget_targets(f"contact:{resource_id}")

    def address(self, caller: Caller, resource: Resource) -> str | None:
        """The whole address for administrators; nobody else, and not what works like a password."""
        point = ContactPoint.load(resource.document)
        field = VISIBLE.get(point.kind)
        if field is None or not caller.may(Permission.WEBHOOK_ADDRESSES_READ):
            return None
        # Asked for once more, so that an answer kept for its Idempotency-Key needs the right, too.
        caller.require(Permission.WEBHOOK_ADDRESSES_READ)
        try:
            return self._sealer.open(resource.id, dict(point.sealed or {}), field)
        except EncryptionError:
            return None

    async def _made(
        self,
        unit: Unit,
        caller: Caller,
        resource_id: UUID,
        target: ContactTarget,
        before: ContactPoint | None,
    ) -> ContactPoint:
        match target:
            case EmailTarget():
                if before is not None and self._is_at(resource_id, before, target.address):
                    return before
                sealed = self._sealer.seal(resource_id, {"address": target.address})
                shown = masked_address(target.address)
                point = ContactPoint(ContactKind.EMAIL, shown, sealed=sealed, is_confirmed=False)
                return await self._confirmations.ask(unit, caller.organization_id, resource_id, point)
            case WebhookTarget():
                return self._webhook(resource_id, target, before)
            case AppriseTarget():
                url = target.url.get_secret_value()
                if (problem := await asyncio.to_thread(self._chat.problem, url)) is not None:
                    raise InvalidTarget("url", problem)
                sealed = self._sealer.seal(resource_id, {"url": url})
                return ContactPoint(ContactKind.CHAT, chat_service(url), sealed=sealed)
            case RoleTarget():
                return ContactPoint(ContactKind.ROLE, target.role, who=target.role)
            case UserTarget():
                member = await unit.replicas.member(target.user_id)
                if member is None or member.deleted:
                    raise InvalidTarget("user_id", "is not a member of the organization", "not_a_member")
                return ContactPoint(ContactKind.USER, member.full_name or "", who=str(target.user_id))
            case RotationTarget():
                await self._check_rotation(unit, target.rotation)
                return ContactPoint(ContactKind.ROTATION, target.rotation, who=target.rotation)

    def _is_at(self, resource_id: UUID, point: ContactPoint, address: str) -> bool:
        if point.kind is not ContactKind.EMAIL:
            return False
        try:
            return self._sealer.open(resource_id, dict(point.sealed or {}), "address") == address
        except EncryptionError:
            return False

    def _webhook(self, resource_id: UUID, target: WebhookTarget, before: ContactPoint | None) -> ContactPoint:
        values = {"url": target.url}
        kept: dict[str, str] = {}
        if target.secrets:
            for number, secret in enumerate(target.secrets):
                values[f"secret{number}"] = secret.get_secret_value()
            count = len(target.secrets)
        elif before is not None and before.kind is ContactKind.WEBHOOK:
            kept = {name: value for name, value in (before.sealed or {}).items() if name != "url"}
            count = before.secrets
        else:
            raise InvalidTarget("secrets", "is needed: a secret signs the messages", "secret_needed")
        sealed = self._sealer.seal(resource_id, values) | kept
        return ContactPoint(ContactKind.WEBHOOK, host_of(target.url), secrets=count, sealed=sealed)

    async def _check_rotation(self, unit: Unit, name: str) -> None:
        rotations = await unit.resources.current([Kind.ROTATION], self._resources.now)
        if all(each.name != name for each in rotations):
            raise InvalidTarget("rotation", "is not a rotation of the organization. Create it first")
