"""Requests for a deletion, and the answer to whoever asked."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from shared.backups import expires
from shared.clock import Clock, IdGenerator
from shared.events.deletions import DELETION_REQUESTED, DeletionKind, DeletionRequested
from shared.kafka.outbox import Outbox


class DeletionAccepted(BaseModel):
    """Access to the subject has ended; its data are being deleted."""

    id: UUID
    kind: DeletionKind
    subject_id: UUID
    requested_at: datetime
    backups_expire_at: datetime = Field(description="When the last backup that holds the data is deleted")

    @classmethod
    def of(cls, deletion: DeletionRequested) -> "DeletionAccepted":
        return cls(id=deletion.deletion_id, **deletion.model_dump(include=set(cls.model_fields) - {"id"}))


def location(deletion: DeletionRequested) -> str:
    """Where the certificate is shown."""
    return f"/api/v1/deletions/{deletion.deletion_id}"


class DeletionRequests:
    """Publishes requests, in the transaction that ends access to the subject."""

    def __init__(self, clock: Clock, new_id: IdGenerator) -> None:
        self._clock = clock
        self._new_id = new_id

    async def add(
        self,
        outbox: Outbox,
        kind: DeletionKind,
        subject_id: UUID,
        *,
        organization_id: UUID | None,
        requested_by: UUID,
        part_ids: Sequence[UUID] = (),
    ) -> DeletionRequested:
        now = self._clock.now()
        deletion = DeletionRequested(
            deletion_id=self._new_id(),
            kind=kind,
            subject_id=subject_id,
            part_ids=tuple(part_ids),
            organization_id=organization_id,
            requested_by=requested_by,
            requested_at=now,
            backups_expire_at=expires(now),
        )
        await outbox.add(DELETION_REQUESTED, subject_id, deletion, organization_id=organization_id)
        return deletion
