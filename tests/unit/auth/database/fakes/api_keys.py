"""API keys in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.auth.api_keys.domain import ApiKey
from shared.http.pages import Cursor, PageRequest, Slice


@dataclass
class FakeApiKeys:
    keys: dict[UUID, ApiKey] = field(default_factory=dict)
    hashes: dict[UUID, str] = field(default_factory=dict)

    async def add(self, key: ApiKey, secret_hash: str) -> None:
        self.keys[key.id] = key
        self.hashes[key.id] = secret_hash

    async def get(self, key_id: UUID) -> ApiKey | None:
        return self.keys.get(key_id)

    async def list(self, organization_id: UUID, page: PageRequest) -> Slice[ApiKey]:
        found = [key for key in self.keys.values() if key.organization_id == organization_id]
        found.sort(key=lambda key: (key.created_at, key.id), reverse=True)
        if page.after:
            found = [k for k in found if (k.created_at, k.id) < (page.after.at, page.after.id)]
        return Slice.cut(found, page.limit, lambda key: Cursor(key.created_at, key.id))

    async def delete(self, organization_id: UUID, key_id: UUID) -> ApiKey | None:
        key = self.keys.get(key_id)
        return self.keys.pop(key_id) if key and key.organization_id == organization_id else None

    async def delete_created_by(self, organization_id: UUID, user_id: UUID) -> Sequence[ApiKey]:
        found = [
            key
            for key in self.keys.values()
            if (key.organization_id, key.created_by) == (organization_id, user_id)
        ]
        for key in found:
            del self.keys[key.id]
        return found

    async def organization_of(self, key_id: UUID, secret_hash: str) -> UUID | None:
        key = self.keys.get(key_id)
        return key.organization_id if key and self.hashes[key_id] == secret_hash else None

    async def record_use(self, key_id: UUID, now: datetime, before: datetime) -> None:
        key = self.keys[key_id]
        if key.last_used_at is None or key.last_used_at < before:
            self.keys[key_id] = replace(key, last_used_at=now)
