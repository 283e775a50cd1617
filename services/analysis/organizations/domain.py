"""The replica of an organization."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class OrganizationRef:
    """`retention` holds the organization's own limits; those that it does not have are the installation's."""

    organization_id: UUID
    retention: Mapping[str, Any]
    version: int
    deleted: bool
    changed_at: datetime
