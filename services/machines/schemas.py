"""HTTP models of the machines service."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.machines.domain import Machine, MachineStatus
from shared.http.fields import SOMETHING_STORABLE, STORABLE, JsonObject, NotNull

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=SOMETHING_STORABLE)
]
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255, pattern=STORABLE)]
Location = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=STORABLE)]


class MachineCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["Pump 7"])
    model: ShortText | None = None
    serial_number: ShortText | None = None
    location: Location | None = None
    status: MachineStatus = MachineStatus.ACTIVE
    metadata: JsonObject = {}


class MachineUpdate(BaseModel):
    """Only the fields that are sent change."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Name | None, NotNull()] = None
    model: ShortText | None = None
    serial_number: ShortText | None = None
    location: Location | None = None
    status: Annotated[MachineStatus | None, NotNull()] = None
    metadata: Annotated[JsonObject | None, NotNull()] = None


class MachineOut(BaseModel):
    id: UUID
    organization_id: UUID
    name: str
    model: str | None
    serial_number: str | None
    location: str | None
    status: MachineStatus
    metadata: dict[str, Any]
    last_analysis_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, machine: Machine) -> "MachineOut":
        return cls.model_validate(machine, from_attributes=True)
