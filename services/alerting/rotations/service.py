"""Use cases of rotations. Callers open the transaction and commit it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.alerting.database.unit import Unit
from services.alerting.resources.domain import Kind, Resource, ResourceFilter
from services.alerting.resources.service import ResourceService
from services.alerting.rotations.domain import MAX_OVERRIDES, Override, Rotation, Shift
from services.alerting.rules.durations import to_timedelta
from shared.access import Caller, Permission
from shared.errors import Conflict, FieldError, Forbidden, NotFound, Unprocessable
from shared.http.pages import PageRequest, Slice

KIND = Kind.ROTATION
MAX_PERIOD, DEFAULT_PERIOD = timedelta(days=366), timedelta(days=28)


class NotAMember(Unprocessable):
    def __init__(self, pointer: str) -> None:
        error = FieldError(pointer, "is not an active member of the organization", "not_a_member")
        super().__init__("Not everybody is a member; see errors. Nothing was saved.", errors=[error])


class NotYourShift(Forbidden):
    def __init__(self) -> None:
        super().__init__(
            "You may take over a shift, or give one of your own away. Ask an administrator to arrange others."
        )


class OverrideNotFound(NotFound):
    def __init__(self, override_id: UUID) -> None:
        super().__init__(f"The rotation has no override {override_id}. GET the rotation for its overrides.")


class TooManyOverrides(Conflict):
    def __init__(self) -> None:
        super().__init__(f"A rotation can have at most {MAX_OVERRIDES} upcoming overrides. Delete one first.")


class PeriodTooLong(Unprocessable):
    def __init__(self) -> None:
        error = FieldError("/query/until", "must be after since, by at most 366 days")
        super().__init__("The period is not valid; see errors.", errors=[error])


class RotationService:
    def __init__(self, resources: ResourceService) -> None:
        self._resources = resources

    @property
    def now(self) -> datetime:
        return self._resources.now

    async def create(self, unit: Unit, caller: Caller, values: Mapping[str, Any]) -> Resource:
        """Raises NotAMember, NameTaken, TooMany."""
        await self._check_members(unit, values["members"])
        rotation = Rotation(
            tuple(values["members"]), values["starts"], to_timedelta(values["shift"]), values["time_zone"]
        )
        return await self._resources.create(unit, caller, KIND, values["name"], rotation.stored())

    async def get(self, unit: Unit, rotation_id: UUID) -> Resource:
        return await self._resources.get(unit, KIND, rotation_id)

    async def list(self, unit: Unit, page: PageRequest) -> Slice[Resource]:
        return await unit.resources.list(ResourceFilter(KIND), page)

    async def change(
        self, unit: Unit, caller: Caller, rotation_id: UUID, changes: Mapping[str, Any]
    ) -> Resource:
        """Change the given fields. Raises ResourceNotFound, NotAMember, NameTaken, InUse."""
        before = await self._resources.lock(unit, KIND, rotation_id)
        if not changes:
            return before
        converted = {name: value for name, value in changes.items() if name != "name"}
        if "members" in converted:
            await self._check_members(unit, converted["members"])
            converted["members"] = tuple(converted["members"])
        if "shift" in converted:
            converted["shift"] = to_timedelta(converted["shift"])
        rotation = replace(Rotation.load(before.document), **converted)
        name = changes.get("name", before.name)
        return await self._resources.change(unit, caller, before, name=name, document=rotation.stored())

    async def remove(self, unit: Unit, caller: Caller, rotation_id: UUID) -> None:
        """Raises ResourceNotFound, InUse."""
        await self._resources.remove(unit, caller, KIND, rotation_id)

    async def take_over(
        self, unit: Unit, caller: Caller, rotation_id: UUID, values: Mapping[str, Any]
    ) -> Override:
        """Somebody takes over. Raises ResourceNotFound, NotYourShift, NotAMember, TooManyOverrides."""
        before = await self._resources.lock(unit, KIND, rotation_id)
        rotation, now = Rotation.load(before.document), self.now
        override = Override(self._resources.new_id(), created_by=caller.user_id, **values)
        given_up = rotation.shifts(override.starts_at, override.ends_at)
        _check_right(caller, override.user_id, [each.user_id for each in given_up])
        await self._check_members(unit, [override.user_id], "/body/user_id")
        kept = [each for each in rotation.overrides if each.ends_at > now]
        if len(kept) >= MAX_OVERRIDES:
            raise TooManyOverrides
        document = replace(rotation, overrides=(*kept, override)).stored()
        await self._resources.change(unit, caller, before, document=document)
        return override

    async def withdraw(self, unit: Unit, caller: Caller, rotation_id: UUID, override_id: UUID) -> None:
        """Raises ResourceNotFound, OverrideNotFound, NotYourShift."""
        before = await self._resources.lock(unit, KIND, rotation_id)
        rotation = Rotation.load(before.document)
        override = next((each for each in rotation.overrides if each.id == override_id), None)
        if override is None:
            raise OverrideNotFound(override_id)
        _check_right(caller, override.user_id, [override.created_by])
        kept = tuple(each for each in rotation.overrides if each.id != override_id)
        document = replace(rotation, overrides=kept).stored()
        await self._resources.change(unit, caller, before, document=document)

    async def shifts(
        self,
        unit: Unit,
        rotation_id: UUID,
        since: datetime | None,
        until: datetime | None,
        user_id: UUID | None,
    ) -> Sequence[Shift]:
        """Who is on call when, or when `user_id` is. Raises ResourceNotFound, PeriodTooLong."""
        since = since or self.now
        until = until or since + DEFAULT_PERIOD
        if not timedelta() < until - since <= MAX_PERIOD:
            raise PeriodTooLong
        rotation = Rotation.load((await self.get(unit, rotation_id)).document)
        shifts = rotation.shifts(since, until)
        return [each for each in shifts if user_id is None or each.user_id == user_id]

    @staticmethod
    async def _check_members(unit: Unit, user_ids: Sequence[UUID], pointer: str = "/body/members") -> None:
        for index, user_id in enumerate(user_ids):
            member = await unit.replicas.member(user_id)
            if member is None or member.deleted or not member.is_active:
                raise NotAMember(pointer if pointer.endswith("user_id") else f"{pointer}/{index}")


def _check_right(caller: Caller, taker: UUID, givers: Sequence[UUID]) -> None:
    """Who takes over may arrange it, and who gives a shift away. Others need the right to change rules."""
    own = bool(givers) and all(each == caller.user_id for each in givers)
    if not (taker == caller.user_id or own or caller.may(Permission.ALERT_RULES_WRITE)):
        raise NotYourShift
