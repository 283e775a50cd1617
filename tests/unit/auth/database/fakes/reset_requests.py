"""Requests for a new password in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.auth.recovery.domain import ResetRequest


@dataclass
class FakeResetRequests:
    requests: list[ResetRequest] = field(default_factory=list)

    async def add(self, request: ResetRequest) -> None:
        self.requests.append(request)

    async def take(self, wanted: int) -> Sequence[ResetRequest]:
        self.requests.sort(key=lambda request: request.requested_at)
        taken, self.requests = self.requests[:wanted], self.requests[wanted:]
        return taken
