"""Second factors in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.auth.second_factor.domain import Challenge, Factors, Passkey, Purpose, Totp


@dataclass
class FakeSecondFactors:
    totp: dict[UUID, Totp] = field(default_factory=dict)
    passkeys: dict[UUID, Passkey] = field(default_factory=dict)
    codes: dict[str, UUID] = field(default_factory=dict)
    challenges: dict[str, Challenge] = field(default_factory=dict)

    async def of(self, user_id: UUID) -> Factors:
        passkeys = [each for each in self.passkeys.values() if each.user_id == user_id]
        passkeys.sort(key=lambda each: (each.created_at, each.id))
        left = sum(owner == user_id for owner in self.codes.values())
        return Factors(self.totp.get(user_id), passkeys, left)

    async def put_totp(self, totp: Totp) -> None:
        self.totp[totp.user_id] = totp

    async def remove_totp(self, user_id: UUID) -> None:
        self.totp.pop(user_id, None)

    async def add_passkey(self, passkey: Passkey) -> bool:
        if any(each.credential_id == passkey.credential_id for each in self.passkeys.values()):
            return False
        self.passkeys[passkey.id] = passkey
        return True

    async def used_passkey(self, passkey: Passkey) -> None:
        before = self.passkeys[passkey.id]
        self.passkeys[passkey.id] = replace(
            before, sign_count=passkey.sign_count, last_used_at=passkey.last_used_at
        )

    async def remove_passkey(self, user_id: UUID, passkey_id: UUID) -> bool:
        found = self.passkeys.get(passkey_id)
        if found is None or found.user_id != user_id:
            return False
        del self.passkeys[passkey_id]
        return True

    async def remove_all(self, user_id: UUID) -> None:
        self.totp.pop(user_id, None)
        self.passkeys = {key: each for key, each in self.passkeys.items() if each.user_id != user_id}
        self.codes = {code: owner for code, owner in self.codes.items() if owner != user_id}

    async def replace_codes(self, user_id: UUID, hashes: Sequence[str], now: datetime) -> None:
        kept = {code: owner for code, owner in self.codes.items() if owner != user_id}
        self.codes = kept | dict.fromkeys(hashes, user_id)

    async def use_code(self, user_id: UUID, code_hash: str) -> bool:
        if self.codes.get(code_hash) != user_id:
            return False
        del self.codes[code_hash]
        return True

    async def add_challenge(self, challenge: Challenge) -> None:
        self.challenges[challenge.token_hash] = challenge

    async def challenge(self, token_hash: str, purpose: Purpose, now: datetime) -> Challenge | None:
        found = self.challenges.get(token_hash)
        return found if found and found.purpose is purpose and found.expires_at > now else None

    async def count_failure(self, token_hash: str) -> None:
        found = self.challenges[token_hash]
        self.challenges[token_hash] = replace(found, failures=found.failures + 1)

    async def end_challenge(self, token_hash: str) -> None:
        self.challenges.pop(token_hash, None)

    async def end_challenges(self, user_id: UUID) -> None:
        self.challenges = {key: each for key, each in self.challenges.items() if each.user_id != user_id}

    async def delete_expired(self, now: datetime) -> None:
        self.challenges = {key: each for key, each in self.challenges.items() if each.expires_at > now}
