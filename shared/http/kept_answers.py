"""Seals the responses kept for `Idempotency-Key`, which may contain what only administrators may see."""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.access import Scope
from shared.crypto import EncryptedColumn, Encryptor, Renew
from shared.postgres.connection import Database

# Bodies are bytes, and the encryptor takes text: this encoding has a character for every byte.
BYTES_AS_TEXT = "latin-1"
# Rows of a batch are locked until it commits: few enough that no request waits long.
BATCH = 200
PLAIN = """
SELECT user_id, key, body FROM idempotency_keys WHERE body IS NOT NULL LIMIT $1 FOR UPDATE SKIP LOCKED
"""
SEAL = """
UPDATE idempotency_keys SET body = NULL, sealed_body = $3, sealed_ids = $4 WHERE user_id = $1 AND key = $2
"""
ANY_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class AnswerSealer:
    """Does nothing while an older version runs, which could not read a sealed response."""

    def __init__(self, database: Database, encryptor: Encryptor) -> None:
        self._database = database
        self._encryptor = encryptor

    def sealed(self, user_id: UUID, key: str, body: bytes) -> str:
        return self._encryptor.encrypt(body.decode(BYTES_AS_TEXT), purpose=_purpose(f"{user_id}/{key}"))

    def opened(self, user_id: UUID, key: str, sealed: str) -> bytes:
        """The body. Raises EncryptionError."""
        return self._encryptor.decrypt(sealed, purpose=_purpose(f"{user_id}/{key}")).encode(BYTES_AS_TEXT)

    async def seal_all(self) -> None:
        """Seal the responses that were kept in plain text, in batches."""
        rows: Sequence[Any] = range(BATCH)
        while len(rows) == BATCH:
            async with self._database.transaction(Scope()) as connection:
                if not await connection.fetchval("SELECT seals()"):
                    return
                rows = await connection.fetch(PLAIN, BATCH)
                await connection.executemany(
                    SEAL,
                    [
                        (*place, self.sealed(*place, row["body"]), ids_in(row["body"]))
                        for row in rows
                        for place in [(row["user_id"], row["key"])]
                    ],
                )


def ids_in(body: bytes) -> list[str]:
    """What a body mentions: deletions look for it, and cannot read what is sealed."""
    return sorted({each.decode() for each in ANY_ID.findall(body)})


def _purpose(place: str) -> str:
    return f"idempotency_keys/{place}"


def _renewed(place: str, value: str | None, renew: Renew) -> str | None:
    return value if value is None else renew(value, purpose=_purpose(place))


KEPT_ANSWERS = EncryptedColumn(
    "idempotency_keys", "sealed_body", _renewed, key="(user_id::text || '/' || key)"
)
