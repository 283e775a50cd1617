"""Mails the installation's administrators when the last verified backup is too old, once a day."""

from services.auth.backups.domain import MAX_AGE, REMIND_EVERY
from services.auth.database.unit import Unit
from services.auth.mail.messages import MessageWriter
from shared.clock import Clock


class BackupReminder:
    def __init__(self, clock: Clock, messages: MessageWriter) -> None:
        self._clock = clock
        self._messages = messages

    async def remind(self, unit: Unit) -> None:
        """Enqueue the mails of the day. Several processes may ask: one of them gets the turn."""
        now = self._clock.now()
        late = await unit.backups.claim_reminder(now - MAX_AGE, now - REMIND_EVERY, now)
        if late is None:
            return
        for administrator in await unit.users.administrators():
            await self._messages.backups_late(unit, administrator, late.verified_at)
