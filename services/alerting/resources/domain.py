"""What an organization sets up so that alerts reach people: a document with a name and perhaps an end."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

# All current ones of a kind are read whenever an alert changes.
MAX_RESOURCES = 500


class Kind(StrEnum):
    """The name of a contact point or a rotation is a handle that rules use, so it is unique."""

    CONTACT_POINT = "contact_point"
    ROTATION = "rotation"
    SILENCE = "silence"
    MAINTENANCE_WINDOW = "maintenance_window"
    OPT_OUT = "opt_out"

    @property
    def words(self) -> str:
        return self.value.replace("_", " ")

    @property
    def path(self) -> str:
        return "/" + self.value.replace("_", "-") + "s"


@dataclass(frozen=True, slots=True)
class Resource:
    """`ends_at`: it has no effect from then on."""

    id: UUID
    organization_id: UUID
    kind: Kind
    name: str
    document: Mapping[str, Any]
    ends_at: datetime | None
    created_by: UUID
    created_at: datetime
    updated_at: datetime
    version: int

    def changed(self, now: datetime, **changes: Any) -> "Resource":
        return replace(self, **changes, updated_at=now, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class ResourceFilter:
    kind: Kind
    created_by: UUID | None = None
    ends_after: datetime | None = None
