"""Password reset requests in memory."""

from dataclasses import dataclass, field
from uuid import UUID

from services.auth.recovery.domain import ResetRequest


@dataclass
class FakeResetRequests:
    requests: dict[UUID, ResetRequest] = field(default_factory=dict)

    async def add(self, request: ResetRequest) -> None:
        self.requests[request.id] = request

    async def take(self, request_id: UUID) -> ResetRequest | None:
        return self.requests.pop(request_id, None)
