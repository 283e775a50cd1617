"""Failed attempts in memory."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class _Attempts:
    failures: int
    failed_at: datetime
    free_at: datetime | None = None


@dataclass
class FakeAttempts:
    attempts: dict[str, _Attempts] = field(default_factory=dict)

    async def count(self, subject: str, now: datetime, forgotten: datetime) -> int | None:
        known = self.attempts.setdefault(subject, _Attempts(0, now))
        if known.free_at is not None and known.free_at > now:
            return None
        known.failures = 1 if known.failed_at < forgotten else known.failures + 1
        known.failed_at = now
        return known.failures

    async def delay(self, subject: str, free_at: datetime) -> None:
        self.attempts[subject].free_at = free_at

    async def free_at(self, subject: str) -> datetime | None:
        return self.attempts[subject].free_at if subject in self.attempts else None

    async def reset(self, subject: str) -> None:
        self.attempts.pop(subject, None)

    async def delete_old(self, before: datetime) -> None:
        self.attempts = {s: known for s, known in self.attempts.items() if known.failed_at >= before}
