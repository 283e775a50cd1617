"""Encryption of secrets at rest with AES-256-GCM. Each value carries its key id, so keys can be rotated."""

import base64
import binascii
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
KEY_BYTES = 32


class EncryptionError(Exception):
    """A value cannot be decrypted, or the keys are malformed. The message contains neither value nor key."""


def parse_keys(keys: str) -> dict[str, bytes]:
    """The keys of 32 bytes by their ids, in the order of `id:base64 of 32 bytes[,id:...]`."""
    parsed: dict[str, bytes] = {}
    for part in filter(None, (part.strip() for part in keys.split(","))):
        key_id, _, encoded = part.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not key_id or len(key) != KEY_BYTES:
            raise EncryptionError(
                "DINSIGHT_ENCRYPTION_KEYS must be a comma-separated list of id:base64-of-32-bytes"
            )
        parsed[key_id] = key
    if not parsed:
        raise EncryptionError("DINSIGHT_ENCRYPTION_KEYS is empty: set id:base64-of-32-bytes")
    return parsed


class Encryptor:
    """Encrypts with the first key and decrypts with any key."""

    def __init__(self, keys: str) -> None:
        """`keys` is `id:base64 of 32 bytes[,id:...]`, with the current key first."""
        self._keys = {key_id: AESGCM(key) for key_id, key in parse_keys(keys).items()}
        self._current = next(iter(self._keys))

    @property
    def current_key_id(self) -> str:
        return self._current

    def encrypt(self, plaintext: str, *, purpose: str) -> str:
        """Return `key id.base64(nonce + ciphertext)`. `purpose` binds the value to its column."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._keys[self._current].encrypt(
            nonce, plaintext.encode(), self._bound(self._current, purpose)
        )
        return f"{self._current}.{base64.b64encode(nonce + sealed).decode()}"

    def decrypt(self, value: str, *, purpose: str) -> str:
        key_id, _, encoded = value.partition(".")
        if key_id not in self._keys:
            raise EncryptionError(f"no key with id {key_id!r}: add it to DINSIGHT_ENCRYPTION_KEYS")
        try:
            raw = base64.b64decode(encoded, validate=True)
            plain = self._keys[key_id].decrypt(
                raw[:NONCE_BYTES], raw[NONCE_BYTES:], self._bound(key_id, purpose)
            )
        except (binascii.Error, InvalidTag, ValueError):
            raise EncryptionError("the value was not encrypted with this key for this purpose") from None
        return plain.decode()

    def renewed(self, value: str, *, purpose: str) -> str:
        """The secret encrypted with the current key; the value itself if it already is."""
        if value.partition(".")[0] == self._current:
            return value
        return self.encrypt(self.decrypt(value, purpose=purpose), purpose=purpose)

    @staticmethod
    def _bound(key_id: str, purpose: str) -> bytes:
        return f"{key_id}|{purpose}".encode()


class Renew(Protocol):
    def __call__(self, value: str, *, purpose: str) -> str: ...


@dataclass(frozen=True, slots=True)
class EncryptedColumn:
    """A column that contains secrets. Each service lists its own, so that `dinsight re-encrypt` finds them.

    `renew` returns the new value of a row, given its id, its value, and a function that re-encrypts one
    secret. A value without a secret is returned unchanged. `key` is the SQL expression of the row's id.
    """

    table: str
    column: str
    renew: Callable[[Any, Any, Renew], Any]
    key: str = "id"
