"""Machines."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class MachineStatus(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    MAINTENANCE = "maintenance"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Machine:
    """A piece of equipment. `version` increases with every change and orders its events.

    While `legal_hold` is true, nothing of the machine may be deleted. `sealed_metadata` has the sensitive
    values of its metadata by name, encrypted.
    """

    id: UUID
    organization_id: UUID
    name: str
    model: str | None
    serial_number: str | None
    location: str | None
    status: MachineStatus
    metadata: Mapping[str, Any]
    tags: tuple[str, ...]
    legal_hold: bool
    last_analysis_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int
    sealed_metadata: Mapping[str, str] = field(default_factory=dict)

    def changed(self, changes: Mapping[str, Any], now: datetime) -> "Machine":
        """The machine with `changes`, fields by name."""
        return replace(self, **changes, updated_at=now, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class MachineFilter:
    """`text` is searched in name, model, serial number and location. `location` is a prefix.

    `tag` is one of the machine's tags, exactly as it was written.
    """

    status: MachineStatus | None = None
    location: str | None = None
    text: str | None = None
    tag: str | None = None
    legal_hold: bool | None = None
