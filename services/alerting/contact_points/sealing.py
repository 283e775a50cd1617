"""Seals what contact points hold: addresses of mail and chat, webhook addresses and their secrets."""

from typing import Any
from uuid import UUID

from shared.crypto import Encryptor, Renew

SEALED = "sealed"


def purpose(resource_id: UUID, field: str) -> str:
    """Binds a sealed value to its place: copied to another contact point, it cannot be decrypted."""
    return f"notification_resources.document/{resource_id}/{field}"


class ContactSealer:
    def __init__(self, encryptor: Encryptor) -> None:
        self._encryptor = encryptor

    def seal(self, resource_id: UUID, values: dict[str, str]) -> dict[str, str]:
        return {
            field: self._encryptor.encrypt(value, purpose=purpose(resource_id, field))
            for field, value in values.items()
        }

    def open(self, resource_id: UUID, sealed: dict[str, str], field: str) -> str:
        """The plain value. Raises EncryptionError."""
        return self._encryptor.decrypt(sealed[field], purpose=purpose(resource_id, field))


def renewed(resource_id: UUID, document: dict[str, Any], renew: Renew) -> dict[str, Any]:
    """The stored document with everything sealed under the current key."""
    sealed: dict[str, str] = document.get(SEALED, {})
    if not sealed:
        return document
    values = {field: renew(value, purpose=purpose(resource_id, field)) for field, value in sealed.items()}
    return {**document, SEALED: values}
