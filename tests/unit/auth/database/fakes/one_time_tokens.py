"""One-time tokens in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.auth.one_time_tokens.domain import OneTimeToken, Purpose


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
