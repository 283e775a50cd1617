"""The last verified backup in memory."""

from dataclasses import dataclass
from datetime import datetime

from services.auth.backups.domain import LateBackup


@dataclass
class FakeBackups:
    watched_since: datetime | None = None
    verified_at: datetime | None = None
    reminded_at: datetime | None = None

    async def claim_reminder(
        self, verified_before: datetime, reminded_before: datetime, now: datetime
    ) -> LateBackup | None:
        since = self.verified_at or self.watched_since
        if since is None or since >= verified_before:
            return None
        if self.reminded_at is not None and self.reminded_at > reminded_before:
            return None
        self.reminded_at = now
        return LateBackup(self.verified_at)
