"""Second factors of accounts, and challenges that wait for one."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from services.auth.second_factor.domain import Challenge, Factors, Passkey, Purpose, Totp
from services.auth.sessions.methods import Method
from shared.postgres.connection import Connection

TOTP_COLUMNS = tuple(field.name for field in fields(Totp))
PASSKEY_COLUMNS = tuple(field.name for field in fields(Passkey))


class SecondFactorRepository(Protocol):
    async def of(self, user_id: UUID) -> Factors: ...

    async def put_totp(self, totp: Totp) -> None:
        """Store the secret, or replace the one before."""
        ...

    async def remove_totp(self, user_id: UUID) -> None: ...

    async def add_passkey(self, passkey: Passkey) -> bool:
        """Add the passkey; False if it is registered already."""
        ...

    async def used_passkey(self, passkey: Passkey) -> None:
        """Store the counter and the time of a use."""
        ...

    async def remove_passkey(self, user_id: UUID, passkey_id: UUID) -> bool: ...

    async def remove_all(self, user_id: UUID) -> None:
        """Remove every factor and recovery code of the user."""
        ...

    async def replace_codes(self, user_id: UUID, hashes: Sequence[str], now: datetime) -> None:
        """Replace all recovery codes of the user."""
        ...

    async def use_code(self, user_id: UUID, code_hash: str) -> bool:
        """Delete the code; False if the user has none like it."""
        ...

    async def add_challenge(self, challenge: Challenge) -> None: ...

    async def challenge(self, token_hash: str, purpose: Purpose, now: datetime) -> Challenge | None:
        """The challenge; None if it is over. Whoever answers it has locked its user before."""
        ...

    async def count_failure(self, token_hash: str) -> None: ...

    async def end_challenge(self, token_hash: str) -> None: ...

    async def end_challenges(self, user_id: UUID) -> None:
        """End all challenges of the user."""
        ...

    async def delete_expired(self, now: datetime) -> None: ...


class PostgresSecondFactorRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def of(self, user_id: UUID) -> Factors:
        row = await self._queries.get_totp(self._connection, user_id=user_id)
        rows = self._queries.list_passkeys(self._connection, user_id=user_id)
        return Factors(
            None if row is None else Totp(**{name: row[name] for name in TOTP_COLUMNS}),
            [Passkey(**{name: row[name] for name in PASSKEY_COLUMNS}) async for row in rows],
            await self._queries.count_recovery_codes(self._connection, user_id=user_id),
        )

    async def put_totp(self, totp: Totp) -> None:
        await self._queries.put_totp(self._connection, **asdict(totp))

    async def remove_totp(self, user_id: UUID) -> None:
        await self._queries.delete_totp(self._connection, user_id=user_id)

    async def add_passkey(self, passkey: Passkey) -> bool:
        values = asdict(passkey) | {"transports": list(passkey.transports)}
        return await self._queries.insert_passkey(self._connection, **values) is not None

    async def used_passkey(self, passkey: Passkey) -> None:
        await self._queries.record_passkey_use(
            self._connection,
            id=passkey.id,
            sign_count=passkey.sign_count,
            last_used_at=passkey.last_used_at,
        )

    async def remove_passkey(self, user_id: UUID, passkey_id: UUID) -> bool:
        row = await self._queries.delete_passkey(self._connection, user_id=user_id, id=passkey_id)
        return row is not None

    async def remove_all(self, user_id: UUID) -> None:
        await self._queries.delete_totp(self._connection, user_id=user_id)
        await self._queries.delete_passkeys(self._connection, user_id=user_id)
        await self._queries.delete_recovery_codes(self._connection, user_id=user_id)

    async def replace_codes(self, user_id: UUID, hashes: Sequence[str], now: datetime) -> None:
        await self._queries.delete_recovery_codes(self._connection, user_id=user_id)
        await self._queries.insert_recovery_codes(
            self._connection, user_id=user_id, hashes=list(hashes), now=now
        )

    async def use_code(self, user_id: UUID, code_hash: str) -> bool:
        row = await self._queries.use_recovery_code(self._connection, user_id=user_id, code_hash=code_hash)
        return row is not None

    async def add_challenge(self, challenge: Challenge) -> None:
        values = asdict(challenge) | {"methods": [str(method) for method in challenge.methods]}
        await self._queries.insert_challenge(
            self._connection, **values | {"purpose": challenge.purpose.value}
        )

    async def challenge(self, token_hash: str, purpose: Purpose, now: datetime) -> Challenge | None:
        row = await self._queries.get_challenge(
            self._connection, token_hash=token_hash, purpose=purpose.value, now=now
        )
        return _challenge(row)

    async def count_failure(self, token_hash: str) -> None:
        await self._queries.count_challenge_failure(self._connection, token_hash=token_hash)

    async def end_challenge(self, token_hash: str) -> None:
        await self._queries.delete_challenge(self._connection, token_hash=token_hash)

    async def end_challenges(self, user_id: UUID) -> None:
        await self._queries.delete_challenges(self._connection, user_id=user_id)

    async def delete_expired(self, now: datetime) -> None:
        await self._queries.delete_expired_challenges(self._connection, now=now)


def _challenge(row: asyncpg.Record | None) -> Challenge | None:
    if row is None:
        return None
    return Challenge(
        token_hash=row["token_hash"],
        user_id=row["user_id"],
        purpose=Purpose(row["purpose"]),
        methods=[Method(name) for name in row["methods"]],
        nonce=row["nonce"],
        failures=row["failures"],
        expires_at=row["expires_at"],
    )
