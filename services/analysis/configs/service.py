"""Reads configurations, and changes them by adding versions."""

from collections.abc import Mapping
from typing import Any

from services.analysis.configs.domain import EDITABLE, PARAMETERS, Configuration
from services.analysis.database.unit import Unit
from services.analysis.engine import ConfigError, EngineConfig
from shared.access import Caller
from shared.audit import Auditor
from shared.clock import Clock
from shared.errors import FieldError, Unprocessable
from shared.http.pages import PageRequest, Slice


class ConfigService:
    def __init__(self, clock: Clock, auditor: Auditor) -> None:
        self._clock = clock
        self._auditor = auditor

    async def current(self, unit: Unit, caller: Caller) -> Configuration:
        return await unit.configs.current(caller.organization_id, self._clock.now())

    async def list(self, unit: Unit, caller: Caller, page: PageRequest) -> Slice[Configuration]:
        await self.current(unit, caller)
        return await unit.configs.list(page)

    async def change(self, unit: Unit, caller: Caller, changes: Mapping[str, Any]) -> Configuration:
        """Add a version with these parameters changed. Raises Unprocessable with a pointer to the field."""
        now = self._clock.now()
        current = await unit.configs.lock_current(caller.organization_id, now)
        values = {name: getattr(current, name) for name in PARAMETERS} | dict(changes)
        try:
            EngineConfig(**values).validate()
        except ConfigError as error:
            raise Unprocessable(
                str(error), errors=[FieldError(f"/body/{error.field}", str(error))]
            ) from error
        config = await unit.configs.add(
            values
            | {
                "organization_id": caller.organization_id,
                "version": current.version + 1,
                "created_at": now,
                "created_by": caller.user_id,
            }
        )
        before = {name: getattr(current, name) for name in EDITABLE if name in changes}
        # Configurations have numbers as ids, but the audit trail identifies resources by UUID.
        await self._auditor.wrote(
            unit.outbox,
            caller,
            "config.created",
            "config",
            None,
            before=before,
            after={"id": config.id, "version": config.version, **changes},
        )
        return config
