"""Use cases that contact points, rotations, silences, windows and opt-outs share. Callers commit."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.alerting.database.unit import Unit
from services.alerting.replicas.service import ReplicaService
from services.alerting.resources.domain import MAX_RESOURCES, Kind, Resource
from services.alerting.resources.errors import InUse, NameTaken, ResourceNotFound, TooMany
from shared.access import Caller
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator

# What a rule writes before the handle of one.
PREFIXES: Mapping[Kind, str] = {Kind.CONTACT_POINT: "contact:", Kind.ROTATION: "rotation:"}


class ResourceService:
    """Stores documents of one kind; the audit trail has them without what is sealed."""

    def __init__(self, clock: Clock, new_id: IdGenerator, auditor: Auditor, replicas: ReplicaService) -> None:
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._replicas = replicas

    @property
    def now(self) -> datetime:
        return self._clock.now()

    def new_id(self) -> UUID:
        return self._new_id()

    async def create(
        self,
        unit: Unit,
        caller: Caller,
        kind: Kind,
        name: str,
        document: Mapping[str, Any],
        ends_at: datetime | None = None,
        resource_id: UUID | None = None,
    ) -> Resource:
        """Raises NameTaken, TooMany."""
        now = self._clock.now()
        if await unit.resources.count(kind, now) >= MAX_RESOURCES:
            raise TooMany(kind)
        await self._replicas.ensure_member(unit, caller)
        resource = Resource(
            id=resource_id or self._new_id(),
            organization_id=caller.organization_id,
            kind=kind,
            name=name,
            document=document,
            ends_at=ends_at,
            created_by=caller.user_id,
            created_at=now,
            updated_at=now,
            version=1,
        )
        if not await unit.resources.add(resource):
            raise NameTaken(kind, name)
        await self.record(unit, caller, "created", resource, after={"name": name})
        return resource

    async def get(self, unit: Unit, kind: Kind, resource_id: UUID) -> Resource:
        """Raises ResourceNotFound."""
        return _found(await unit.resources.get(kind, resource_id), kind, resource_id)

    async def lock(self, unit: Unit, kind: Kind, resource_id: UUID) -> Resource:
        """Raises ResourceNotFound."""
        return _found(await unit.resources.lock(kind, resource_id), kind, resource_id)

    async def change(self, unit: Unit, caller: Caller, before: Resource, **changes: Any) -> Resource:
        """Change a locked resource. Raises NameTaken, InUse."""
        name = changes.get("name", before.name)
        if name != before.name and before.kind in PREFIXES:
            await self._check_unused(unit, before)
        after = before.changed(self._clock.now(), **changes)
        if not await unit.resources.update(after):
            raise NameTaken(before.kind, name)
        await self.record(unit, caller, "updated", after, before={"name": before.name}, after={"name": name})
        return after

    async def remove(self, unit: Unit, caller: Caller, kind: Kind, resource_id: UUID) -> Resource:
        """Raises ResourceNotFound, InUse."""
        resource = await self.lock(unit, kind, resource_id)
        await self._check_unused(unit, resource)
        await unit.resources.delete(resource.id)
        await self.record(unit, caller, "deleted", resource, before={"name": resource.name})
        return resource

    async def record(self, unit: Unit, caller: Caller, what: str, resource: Resource, **values: Any) -> None:
        """Add what somebody did to the audit trail."""
        kind = resource.kind.value
        await self._auditor.wrote(unit.outbox, caller, f"{kind}.{what}", kind, resource.id, **values)

    async def _check_unused(self, unit: Unit, resource: Resource) -> None:
        if prefix := PREFIXES.get(resource.kind):
            user = await unit.resources.first_that_names(prefix + resource.name)
            if user is not None:
                raise InUse(resource.kind, resource.name, *user)


def _found(resource: Resource | None, kind: Kind, resource_id: UUID) -> Resource:
    if resource is None:
        raise ResourceNotFound(kind, resource_id)
    return resource
