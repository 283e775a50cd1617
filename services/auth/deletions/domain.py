"""The certificate of a deletion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

# The services that report; with the last report, the certificate is complete.
SERVICES = ("auth", "machines", "analysis", "alerting")


@dataclass(frozen=True, slots=True)
class Deletion:
    """`reports` say, by service, how many rows of which table and which objects went, and when."""

    id: UUID
    kind: str
    subject_id: UUID
    part_ids: Sequence[UUID]
    organization_id: UUID | None
    requested_by: UUID
    requested_at: datetime
    backups_expire_at: datetime
    reports: Mapping[str, Mapping[str, Any]]
    completed_at: datetime | None
