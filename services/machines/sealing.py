"""Sensitive values of metadata: sealed when they are written, and opened for administrators only."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

import orjson

from services.machines.domain import Machine
from services.machines.errors import MetadataTooLarge
from shared.crypto import EncryptionError, Encryptor

# A request may have 64 KiB; sealing adds a third.
MAX_METADATA_CHARACTERS = 128 * 1024


def value_purpose(machine_id: UUID, name: str) -> str:
    """Binds a sealed value to its place: copied to another machine or name, it cannot be decrypted."""
    return f"machines.metadata/{machine_id}/{name}"


class MetadataSealer:
    def __init__(self, encryptor: Encryptor) -> None:
        self._encryptor = encryptor

    def split(
        self, machine_id: UUID, before: Mapping[str, Any], sealed: Mapping[str, str], sent: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """The plain and the sealed metadata after a write of `sent`, the fields of the request by name.

        A sensitive value that is not sent is kept, and one sent as null is removed; its name stays listed, so
        that the next value is sealed, too. A name that is no longer listed as sensitive loses its value
        unless that is sent again: nothing becomes plain by itself.
        """
        names = sent.get("sensitive_metadata", list(sealed))
        metadata = dict(sent.get("metadata", before))
        kept = {name: value for name, value in sealed.items() if name in names}
        for name in names:
            if name not in metadata and name in kept:
                continue
            text = orjson.dumps(metadata.pop(name, None)).decode()
            kept[name] = self._encryptor.encrypt(text, purpose=value_purpose(machine_id, name))
        # Values that are not sent are kept, so requests of a bounded size could add up to any size.
        if len(orjson.dumps(metadata)) + sum(map(len, kept.values())) > MAX_METADATA_CHARACTERS:
            raise MetadataTooLarge(MAX_METADATA_CHARACTERS)
        return metadata, kept

    def opened(self, machine: Machine) -> dict[str, Any]:
        """The whole metadata, without values whose key is lost: the rest can still be read."""
        metadata = dict(machine.metadata)
        for name, sealed in machine.sealed_metadata.items():
            with suppress(EncryptionError):
                text = self._encryptor.decrypt(sealed, purpose=value_purpose(machine.id, name))
                if (value := orjson.loads(text)) is not None:
                    metadata[name] = value
        return metadata
