"""Entries of the audit trail."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class AuditEntry:
    id: UUID
    user_id: UUID | None
    organization_id: UUID | None
    action: str
    resource_type: str | None
    resource_id: UUID | None
    changes: Mapping[str, Any] | None
    ip_address: str | None
    user_agent: str | None
    created_at: datetime
    api_key_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """`since` is inclusive, `until` exclusive."""

    user_id: UUID | None = None
    action: str | None = None
    resource_type: str | None = None
    resource_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    api_key_id: UUID | None = None
