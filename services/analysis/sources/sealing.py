"""Seals the secrets with which places are read."""

from collections.abc import Mapping
from uuid import UUID

import orjson

from shared.crypto import Encryptor, Renew


def purpose(source_id: UUID) -> str:
    """Binds sealed secrets to their source: copied to another one, they cannot be decrypted."""
    return f"sources.sealed/{source_id}"


class SecretSealer:
    def __init__(self, encryptor: Encryptor) -> None:
        self._encryptor = encryptor

    def sealed(self, source_id: UUID, secrets: Mapping[str, str]) -> str | None:
        if not secrets:
            return None
        return self._encryptor.encrypt(orjson.dumps(dict(secrets)).decode(), purpose=purpose(source_id))

    def opened(self, source_id: UUID, sealed: str | None) -> dict[str, str]:
        """The secrets by their names. Raises EncryptionError."""
        if sealed is None:
            return {}
        opened: dict[str, str] = orjson.loads(self._encryptor.decrypt(sealed, purpose=purpose(source_id)))
        return opened


def renewed(source_id: UUID, value: str | None, renew: Renew) -> str | None:
    return None if value is None else renew(value, purpose=purpose(source_id))
