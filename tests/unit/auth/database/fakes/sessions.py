"""Sessions in memory."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.auth.sessions.domain import LOST_RESPONSE_GRACE, RefreshToken
from services.auth.sessions.methods import Method
from shared.http.pages import Cursor, PageRequest, Slice


@dataclass
class FakeSessions:
    tokens: dict[UUID, RefreshToken] = field(default_factory=dict)

    async def add(self, token: RefreshToken) -> None:
        self.tokens[token.id] = token

    async def find(self, token_hash: str) -> RefreshToken | None:
        return next((token for token in self.tokens.values() if token.token_hash == token_hash), None)

    async def rotate(self, family_id: UUID, now: datetime, sealed_successor: bytes | None) -> None:
        for token in list(self.tokens.values()):
            if token.family_id != family_id or token.revoked_at is not None:
                continue
            if token.rotated_at is None:
                self.tokens[token.id] = replace(token, rotated_at=now, sealed_successor=sealed_successor)
            elif token.rotated_at < now - LOST_RESPONSE_GRACE:
                self.tokens[token.id] = replace(token, sealed_successor=None)

    async def revoke(self, family_id: UUID, now: datetime) -> None:
        for token in list(self.tokens.values()):
            if token.family_id == family_id and token.revoked_at is None:
                self.tokens[token.id] = replace(token, revoked_at=now)

    async def revoke_all(self, user_id: UUID, now: datetime, *, kept: UUID | None) -> Collection[UUID]:
        ended = [
            token
            for token in self.tokens.values()
            if token.user_id == user_id and token.family_id != kept and token.revoked_at is None
        ]
        self.tokens |= {token.id: replace(token, revoked_at=now) for token in ended}
        return {token.family_id for token in ended if token.rotated_at is None}

    async def strengthen(self, family_id: UUID, method: Method) -> None:
        for token in list(self.tokens.values()):
            if token.family_id == family_id and method not in token.methods:
                self.tokens[token.id] = replace(token, methods=(*token.methods, method))

    async def live(self, user_id: UUID, now: datetime, page: PageRequest) -> Slice[RefreshToken]:
        found = self._valid(user_id, now)
        found.sort(key=lambda token: (token.signed_in_at, token.family_id), reverse=True)
        if page.after:
            found = [t for t in found if (t.signed_in_at, t.family_id) < (page.after.at, page.after.id)]
        return Slice.cut(found, page.limit, lambda t: Cursor(t.signed_in_at, t.family_id))

    async def live_one(self, user_id: UUID, session_id: UUID, now: datetime) -> RefreshToken | None:
        return next((t for t in self._valid(user_id, now) if t.family_id == session_id), None)

    def _valid(self, user_id: UUID, now: datetime) -> list[RefreshToken]:
        return [
            token
            for token in self.tokens.values()
            if token.user_id == user_id
            and token.rotated_at is None
            and token.revoked_at is None
            and token.expires_at > now
        ]

    async def delete_expired(self, before: datetime) -> None:
        self.tokens = {id_: token for id_, token in self.tokens.items() if token.expires_at >= before}
