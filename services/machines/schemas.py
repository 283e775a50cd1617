"""HTTP models of the machines service."""

from collections.abc import Mapping
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
MetadataName = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=STORABLE)]
SensitiveNames = Annotated[list[MetadataName], Field(max_length=50)]
SENSITIVE = (
    "The keys of metadata whose values are sensitive, such as the password of a controller: encrypted, shown"
    " to administrators only, and in no event."
)
KEEPS_SENSITIVE = (
    "Replaces the metadata. A sensitive value that is not sent is kept, and one sent as null is removed."
)
UNLISTED = "A key that is no longer listed loses its value unless that is sent, too."

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
HOLD = "While true, no data of the machine can be archived or deleted"


class MachineCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["Pump 7"])
    model: ShortText | None = None
    serial_number: ShortText | None = None
    location: Location | None = None
    status: MachineStatus = MachineStatus.ACTIVE
    metadata: JsonObject = {}
    sensitive_metadata: SensitiveNames = Field(default=[], description=SENSITIVE)
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
    metadata: Annotated[JsonObject | None, NotNull()] = Field(default=None, description=KEEPS_SENSITIVE)
    sensitive_metadata: Annotated[SensitiveNames | None, NotNull()] = Field(
        default=None, description=f"{SENSITIVE} {UNLISTED}"
    )
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
    metadata: dict[str, Any] = Field(description="Below the role admin, without sensitive values.")
    sensitive_metadata: list[str] = Field(description="The keys of metadata whose values are sensitive.")
    tags: list[str]
    legal_hold: bool = Field(description=HOLD)
    last_analysis_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, machine: Machine, metadata: Mapping[str, Any]) -> "MachineOut":
        """`metadata` as the caller may see it."""
        values = {name: getattr(machine, name, None) for name in cls.model_fields}
        names = sorted(machine.sealed_metadata)
        return cls.model_validate(values | {"metadata": dict(metadata), "sensitive_metadata": names})
