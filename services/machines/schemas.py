"""HTTP models of the machines service."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from services.machines.domain import Machine, MachineStatus
from shared.http.fields import SOMETHING_STORABLE, STORABLE, JsonObject, NotNull

# Enough for any grouping by line, hall, kind and team; a row of the fleet shows them all.
MAX_TAGS = 20
MAX_TAG_LENGTH = 50

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=SOMETHING_STORABLE)
]
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255, pattern=STORABLE)]
Location = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=STORABLE)]

Tag = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=MAX_TAG_LENGTH, pattern=SOMETHING_STORABLE
    ),
]


def without_repetitions(tags: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tags))


Tags = Annotated[
    tuple[Tag, ...],
    Field(max_length=MAX_TAGS, description="A set: repetitions are dropped", examples=[["line-3", "pump"]]),
    AfterValidator(without_repetitions),
]
HOLD = "While true, nothing of the machine can be deleted"


class MachineCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["Pump 7"])
    model: ShortText | None = None
    serial_number: ShortText | None = None
    location: Location | None = None
    status: MachineStatus = MachineStatus.ACTIVE
    metadata: JsonObject = {}
    tags: Tags = ()
    legal_hold: bool = Field(default=False, description=HOLD)


class MachineUpdate(BaseModel):
    """Only the fields that are sent change."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Name | None, NotNull()] = None
    model: ShortText | None = None
    serial_number: ShortText | None = None
    location: Location | None = None
    status: Annotated[MachineStatus | None, NotNull()] = None
    metadata: Annotated[JsonObject | None, NotNull()] = None
    tags: Annotated[Tags | None, NotNull()] = None
    legal_hold: Annotated[bool | None, NotNull(), Field(description=HOLD)] = None


class MachineOut(BaseModel):
    id: UUID
    organization_id: UUID
    name: str
    model: str | None
    serial_number: str | None
    location: str | None
    status: MachineStatus
    metadata: dict[str, Any]
    tags: list[str]
    legal_hold: bool = Field(description=HOLD)
    last_analysis_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, machine: Machine) -> "MachineOut":
        return cls.model_validate(machine, from_attributes=True)
