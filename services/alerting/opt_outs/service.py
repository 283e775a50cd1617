"""Use cases of opt-outs: what somebody does not want to hear. Callers open the transaction and commit it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.alerting.database.unit import Unit
from services.alerting.resources.domain import Kind, Resource, ResourceFilter
from services.alerting.resources.errors import ResourceNotFound
from services.alerting.resources.service import ResourceService
from shared.access import Caller
from shared.errors import FieldError, Unprocessable
from shared.http.pages import PageRequest, Slice

KIND = Kind.OPT_OUT


class AlreadyEnded(Unprocessable):
    def __init__(self) -> None:
        error = FieldError("/body/ends_at", "must be in the future")
        super().__init__("The opt-out is not valid; see errors. Nothing was saved.", errors=[error])


class OptOutService:
    """Everybody's own. Administrators see those of all, so that they know whom an alert does not reach."""

    def __init__(self, resources: ResourceService) -> None:
        self._resources = resources

    async def create(self, unit: Unit, caller: Caller, values: Mapping[str, Any]) -> Resource:
        """Raises AlreadyEnded, TooMany."""
        if values["ends_at"] is not None and values["ends_at"] <= self._resources.now:
            raise AlreadyEnded
        document = {"rule_ids": [str(each) for each in values["rule_ids"]], "below": values["below"]}
        return await self._resources.create(
            unit, caller, KIND, caller.full_name or caller.email, document, ends_at=values["ends_at"]
        )

    async def list(self, unit: Unit, user_id: UUID | None, page: PageRequest) -> Slice[Resource]:
        """Those that have not ended, of one person or of all."""
        wanted = ResourceFilter(KIND, created_by=user_id, ends_after=self._resources.now)
        return await unit.resources.list(wanted, page)

    async def remove(self, unit: Unit, caller: Caller, opt_out_id: UUID) -> None:
        """Raises ResourceNotFound, also for another person's."""
        found = await self._resources.lock(unit, KIND, opt_out_id)
        if found.created_by != caller.user_id:
            raise ResourceNotFound(KIND, opt_out_id)
        await self._resources.remove(unit, caller, KIND, opt_out_id)
