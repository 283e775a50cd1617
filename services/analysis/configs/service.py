"""Reads configurations, and changes them by adding versions."""

from collections.abc import Mapping
from typing import Any

from services.analysis.configs.domain import EDITABLE, PARAMETERS, ConfigChanges, Configuration
from services.analysis.database.unit import Unit
from services.analysis.engine import ConfigError, EngineConfig, ReadingConfig
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

    async def change(self, unit: Unit, caller: Caller, change: ConfigChanges) -> Configuration:
        """Add a version with these parameters changed. Raises Unprocessable with a pointer to the field."""
        current = await unit.configs.lock_current(caller.organization_id, self._clock.now())
        config = await self._add(unit, caller, current, change, inline=False, place="/body")
        before = {name: getattr(current, name) for name in EDITABLE if name in change.parameters}
        before |= {name: current.reading.get(name) for name in change.reading}
        # Configurations have numbers as ids, but the audit trail identifies resources by UUID.
        await self._auditor.wrote(
            unit.outbox,
            caller,
            "config.created",
            "config",
            None,
            before=before,
            after={"id": config.id, "version": config.version, **change.sent},
        )
        return config

    async def for_analysis(
        self, unit: Unit, caller: Caller, base: Configuration, change: ConfigChanges
    ) -> Configuration:
        """Add a version for one analysis: `base` with these parameters changed. Raises Unprocessable."""
        await unit.configs.lock_current(caller.organization_id, self._clock.now())
        return await self._add(unit, caller, base, change, inline=True, place="/body/config")

    @staticmethod
    def check(
        base: Configuration, change: ConfigChanges, *, place: str
    ) -> tuple[dict[str, Any], Mapping[str, Any]]:
        """Return the parameters of `base` with a change, and what they say about files.

        Raises Unprocessable with a pointer below `place` to the field.
        """
        values = {name: getattr(base, name) for name in PARAMETERS} | dict(change.parameters)
        try:
            EngineConfig(**values).validate()
            return values, ReadingConfig.from_json(merged(base.reading, change.reading)).to_json()
        except ConfigError as error:
            raise Unprocessable(
                str(error), errors=[FieldError(f"{place}/{error.field}", str(error), error.code)]
            ) from error

    async def _add(
        self,
        unit: Unit,
        caller: Caller,
        base: Configuration,
        change: ConfigChanges,
        *,
        inline: bool,
        place: str,
    ) -> Configuration:
        values, reading = self.check(base, change, place=place)
        return await unit.configs.add(
            values
            | {
                "organization_id": caller.organization_id,
                "version": await unit.configs.next_version(caller.organization_id),
                "created_at": self._clock.now(),
                "created_by": caller.user_id,
                "reading": reading,
                "inline": inline,
            }
        )


def merged(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a configuration says about files after changes; null takes a field back to its default."""
    return {name: value for name, value in (dict(before) | dict(changes)).items() if value is not None}
