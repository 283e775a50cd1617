"""Mail in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid4

from services.auth.mail.domain import LetterStatus, QueuedLetter


@dataclass
class Queued:
    letter: QueuedLetter
    due: datetime
    status: LetterStatus = LetterStatus.WAITING
    leased_until: datetime | None = None
    error: str | None = None
    finished_at: datetime | None = None


@dataclass
class FakeMail:
    letters: dict[UUID, Queued] = field(default_factory=dict)

    async def add(self, letter: QueuedLetter) -> None:
        self.letters[letter.id] = Queued(letter, letter.created_at)

    async def claim(self, wanted: int, now: datetime, until: datetime) -> Sequence[QueuedLetter]:
        due = [
            queued
            for queued in self.letters.values()
            if queued.status is LetterStatus.WAITING
            and queued.due <= now
            and (queued.leased_until is None or queued.leased_until <= now)
        ]
        due.sort(key=lambda queued: queued.due)
        for queued in due[:wanted]:
            queued.letter, queued.leased_until = replace(queued.letter, lease_id=uuid4()), until
        return [queued.letter for queued in due[:wanted]]

    async def finish(
        self, letter: QueuedLetter, status: LetterStatus, error: str | None, now: datetime
    ) -> bool:
        queued = self._leased(letter)
        if queued is None:
            return False
        queued.letter = replace(letter, sealed="", attempts=letter.attempts + 1, lease_id=None)
        queued.status, queued.error, queued.finished_at = status, error, now
        return True

    async def put_back(self, letter: QueuedLetter, error: str | None, due: datetime) -> bool:
        queued = self._leased(letter)
        if queued is None:
            return False
        queued.letter = replace(letter, attempts=letter.attempts + 1, lease_id=None)
        queued.due, queued.error, queued.leased_until = due, error, None
        return True

    async def forget_finished(self, before: datetime) -> None:
        self.letters = {
            id_: queued
            for id_, queued in self.letters.items()
            if queued.finished_at is None or queued.finished_at >= before
        }

    def _leased(self, letter: QueuedLetter) -> Queued | None:
        queued = self.letters.get(letter.id)
        if queued is None or letter.lease_id is None or queued.letter.lease_id != letter.lease_id:
            return None
        return queued
