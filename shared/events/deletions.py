"""Events of deletions: requested by one service, done and reported by every service."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.events.base import Payload, Topic

DeletionKind = Literal["organization", "user", "machine", "analysis"]
# The service that keeps what is deleted, and alone may ask for its deletion.
OWNERS: Mapping[DeletionKind, str] = {
    "organization": "auth",
    "user": "auth",
    "machine": "machines",
    "analysis": "analysis",
}


class DeletionRequested(Payload):
    """Everything of the subject is to be deleted. `requested_by` is the user who asked for it.

    `part_ids` are the runs that are deleted with a baseline.
    """

    deletion_id: UUID
    kind: DeletionKind
    subject_id: UUID
    part_ids: tuple[UUID, ...] = ()
    organization_id: UUID | None
    requested_by: UUID
    requested_at: datetime
    backups_expire_at: datetime


class DeletionReported(DeletionRequested):
    """What a service deleted: rows by table, objects of the store, and the bytes of these."""

    service: str
    rows: dict[str, int]
    objects: int = 0
    bytes: int = 0
    finished_at: datetime


DELETION_REQUESTED = Topic(
    "deletion.requested",
    DeletionRequested,
    producer="every service",
    key="subject_id",
    description="Everything of an organization, an account, a machine or an analysis is to be deleted.",
    partitions=3,
    signed_by=lambda deletion: (OWNERS[deletion.kind],),
)
DELETION_REPORTED = Topic(
    "deletion.reported",
    DeletionReported,
    producer="every service",
    key="subject_id",
    description="A service deleted everything that it had of the subject; auth adds it to the certificate.",
    partitions=3,
    signed_by=lambda report: (report.service,),
)
