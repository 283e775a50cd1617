"""Mail, one-time tokens and invitations in memory, for the same suite as PostgreSQL's."""

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from services.auth.domain_accounts import (
    Invitation,
    Letter,
    LetterStatus,
    OneTimeToken,
    Purpose,
    QueuedLetter,
    ResetRequest,
    Sending,
)
from shared.http.pages import Cursor, PageRequest, Slice


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


@dataclass
class FakeOneTimeTokens:
    tokens: dict[str, OneTimeToken] = field(default_factory=dict)

    async def add(self, token: OneTimeToken) -> None:
        self.tokens[token.token_hash] = token

    async def redeem(self, token_hash: str, purpose: Purpose, now: datetime) -> UUID | None:
        token = self.tokens.get(token_hash)
        if token is None or token.purpose is not purpose or token.expires_at <= now:
            return None
        return self.tokens.pop(token_hash).user_id

    async def revoke(self, user_id: UUID, purpose: Purpose) -> None:
        self._keep(lambda token: (token.user_id, token.purpose) != (user_id, purpose))

    async def count_since(self, user_id: UUID, purpose: Purpose, since: datetime) -> int:
        return sum(
            1
            for token in self.tokens.values()
            if (token.user_id, token.purpose) == (user_id, purpose) and token.created_at > since
        )

    async def delete_expired(self, before: datetime) -> None:
        self._keep(lambda token: token.expires_at >= before)

    def _keep(self, kept: Callable[[OneTimeToken], bool]) -> None:
        self.tokens = {hash_: token for hash_, token in self.tokens.items() if kept(token)}


@dataclass
class FakeResetRequests:
    requests: list[ResetRequest] = field(default_factory=list)

    async def add(self, request: ResetRequest) -> None:
        self.requests.append(request)

    async def take(self, wanted: int) -> Sequence[ResetRequest]:
        self.requests.sort(key=lambda request: request.requested_at)
        taken, self.requests = self.requests[:wanted], self.requests[wanted:]
        return taken


@dataclass
class FakeInvitations:
    invitations: dict[tuple[UUID, str], Invitation] = field(default_factory=dict)

    async def add(self, invitation: Invitation) -> None:
        self.invitations[invitation.organization_id, invitation.email] = invitation

    async def get(self, organization_id: UUID, invitation_id: UUID) -> Invitation | None:
        found = (i for i in self.invitations.values() if i.organization_id == organization_id)
        return next((i for i in found if i.id == invitation_id), None)

    async def of_email(self, organization_id: UUID, email: str) -> Invitation | None:
        return self.invitations.get((organization_id, email))

    async def list(self, organization_id: UUID, now: datetime, page: PageRequest) -> Slice[Invitation]:
        found = [
            i
            for i in self.invitations.values()
            if i.organization_id == organization_id and i.expires_at > now
        ]
        found.sort(key=lambda i: (i.created_at, i.id), reverse=True)
        if page.after:
            found = [i for i in found if (i.created_at, i.id) < (page.after.at, page.after.id)]
        return Slice.cut(found, page.limit, lambda i: Cursor(i.created_at, i.id))

    async def count_since(self, organization_id: UUID, since: datetime) -> int:
        found = self.invitations.values()
        return sum(i.organization_id == organization_id and i.created_at > since for i in found)

    async def remove(self, organization_id: UUID, invitation_id: UUID) -> bool:
        found = await self.get(organization_id, invitation_id)
        return found is not None and self.invitations.pop((organization_id, found.email)) is not None

    async def place(self, token_hash: str) -> UUID | None:
        found = await self.of_token(token_hash)
        return None if found is None else found.organization_id

    async def of_token(self, token_hash: str) -> Invitation | None:
        return next((i for i in self.invitations.values() if i.token_hash == token_hash), None)

    async def delete_expired(self, before: datetime) -> None:
        self.invitations = {
            place: invitation
            for place, invitation in self.invitations.items()
            if invitation.expires_at >= before
        }


@dataclass
class FakeMailer:
    """Answers what it is told to, in order; then it sends."""

    answers: list[Sending] = field(default_factory=list)
    sent: list[Letter] = field(default_factory=list)

    async def send(self, queued: QueuedLetter, letter: Letter) -> Sending:
        answer = self.answers.pop(0) if self.answers else Sending(None)
        if answer.error is None:
            self.sent.append(letter)
        return answer


Snapshot = list[tuple[dict[str, Any], dict[str, Any]]]


def snapshot(repositories: Iterable[object]) -> Snapshot:
    """The fields of every repository, and copies of what they hold."""
    found = [vars(repository) for repository in repositories if hasattr(repository, "__dict__")]
    return [
        (fields, {name: copy(value) for name, value in fields.items() if isinstance(value, dict | list)})
        for fields in found
    ]


def restore(before: Snapshot) -> None:
    for fields, values in before:
        fields.update(values)
