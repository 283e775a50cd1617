"""Certificates of deletions in memory."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.auth.database.deletions import reported
from services.auth.deletions.domain import SERVICES, Deletion
from shared.events.deletions import DeletionReported, DeletionRequested
from shared.http.pages import Cursor, PageRequest, Slice
from tests.unit.auth.database.fakes.organizations import FakeOrganizations
from tests.unit.auth.database.fakes.users import FakeUsers


@dataclass
class FakeDeletions:
    users: FakeUsers
    organizations: FakeOrganizations
    deletions: dict[UUID, Deletion] = field(default_factory=dict)

    async def close_organization(self, organization_id: UUID, now: datetime) -> None:
        before = self.organizations.organizations[organization_id]
        closed = before.changed({"is_active": False}, now)
        self.organizations.organizations[organization_id] = closed
        self.organizations.deleted.add(organization_id)

    async def close_user(self, user_id: UUID, now: datetime) -> None:
        user = await self.users.get(user_id)
        assert user is not None
        await self.users.update(replace(user, is_active=False, updated_at=now))

    async def merge(
        self, organization_id: UUID | None, event: DeletionRequested | DeletionReported
    ) -> Deletion | None:
        new = Deletion(
            event.deletion_id,
            event.kind,
            event.subject_id,
            list(event.part_ids),
            organization_id,
            event.requested_by,
            event.requested_at,
            event.backups_expire_at,
            {},
            None,
        )
        known = self.deletions.get(event.deletion_id, new)
        reports, finished_at = reported(event)
        merged = replace(known, reports={**reports, **known.reports})
        completes = known.completed_at is None and set(merged.reports) >= set(SERVICES)
        if completes:
            merged = replace(merged, completed_at=finished_at)
        self.deletions[event.deletion_id] = merged
        return merged if completes else None

    async def get(self, requested_by: UUID, deletion_id: UUID) -> Deletion | None:
        found = self.deletions.get(deletion_id)
        return found if found and found.requested_by == requested_by else None

    async def list(
        self, requested_by: UUID, organization_id: UUID | None, page: PageRequest
    ) -> Slice[Deletion]:
        found = [
            deletion
            for deletion in self.deletions.values()
            if deletion.requested_by == requested_by and organization_id in (None, deletion.organization_id)
        ]
        found.sort(key=lambda deletion: (deletion.requested_at, deletion.id), reverse=True)
        if page.after is not None:
            found = [d for d in found if (d.requested_at, d.id) < (page.after.at, page.after.id)]
        return Slice.cut(found[: page.limit + 1], page.limit, lambda d: Cursor(d.requested_at, d.id))
