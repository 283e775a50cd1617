"""Use cases of silences. Callers open the transaction and commit it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.alerting.database.unit import Unit
from services.alerting.deliveries.notifier import Notifier
from services.alerting.resources.domain import Kind, Resource, ResourceFilter
from services.alerting.resources.service import ResourceService
from shared.access import Caller
from shared.errors import FieldError, Unprocessable
from shared.http.pages import PageRequest, Slice

KIND = Kind.SILENCE
# Longer ones are forgotten. What is out of service for longer is an inactive machine.
MAX_LENGTH = timedelta(days=90)


class InvalidEnd(Unprocessable):
    def __init__(self, detail: str) -> None:
        super().__init__(
            "The silence is not valid; see errors. Nothing was saved.",
            errors=[FieldError("/body/ends_at", detail)],
        )


class SilenceService:
    def __init__(self, resources: ResourceService, notifier: Notifier) -> None:
        self._resources = resources
        self._notifier = notifier

    @property
    def now(self) -> datetime:
        return self._resources.now

    async def create(self, unit: Unit, caller: Caller, values: Mapping[str, Any]) -> Resource:
        """Raises InvalidEnd, TooMany."""
        starts_at = values["starts_at"] or self.now
        self._check_end(starts_at, values["ends_at"])
        document = {
            "reason": values["reason"],
            "matcher": values["matcher"].model_dump(mode="json"),
            "starts_at": starts_at.isoformat(),
        }
        return await self._resources.create(
            unit, caller, KIND, values["name"], document, ends_at=values["ends_at"]
        )

    async def get(self, unit: Unit, silence_id: UUID) -> Resource:
        return await self._resources.get(unit, KIND, silence_id)

    async def list(self, unit: Unit, ended: bool, page: PageRequest) -> Slice[Resource]:
        """Those that are or will be in effect, or with `ended` all."""
        return await unit.resources.list(ResourceFilter(KIND, ends_after=None if ended else self.now), page)

    async def change(
        self, unit: Unit, caller: Caller, silence_id: UUID, changes: Mapping[str, Any]
    ) -> Resource:
        """Change the given fields. Raises ResourceNotFound, InvalidEnd."""
        before = await self._resources.lock(unit, KIND, silence_id)
        if not changes:
            return before
        document = dict(before.document)
        if "reason" in changes:
            document["reason"] = changes["reason"]
        if "matcher" in changes:
            document["matcher"] = changes["matcher"].model_dump(mode="json")
        ends_at = changes.get("ends_at", before.ends_at)
        if "ends_at" in changes:
            self._check_end(datetime.fromisoformat(document["starts_at"]), ends_at)
        after = await self._resources.change(
            unit, caller, before, name=changes.get("name", before.name), document=document, ends_at=ends_at
        )
        await self._notifier.wake_suppressed(unit)
        return after

    async def end(self, unit: Unit, caller: Caller, silence_id: UUID) -> None:
        """End the silence now; it stays in the list of ended ones. Raises ResourceNotFound."""
        before = await self._resources.lock(unit, KIND, silence_id)
        now = self.now
        if before.ends_at is None or before.ends_at > now:
            await self._resources.change(unit, caller, before, ends_at=now)
            await self._notifier.wake_suppressed(unit)

    def _check_end(self, starts_at: datetime, ends_at: datetime) -> None:
        if ends_at <= max(starts_at, self.now):
            raise InvalidEnd("must be in the future, and after starts_at")
        if ends_at - starts_at > MAX_LENGTH:
            raise InvalidEnd("must be at most 90 days after starts_at")
