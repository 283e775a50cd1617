"""Signatures of events: whoever may write to a topic cannot thereby speak for the service that owns it.

A service signs what it publishes with its own Ed25519 key; everybody verifies with the public keys. Signed
are the topic, the key, every attribute of the event and the payload, so that none can be exchanged. A record
that is published again keeps its id, so that inboxes and versions drop it. Only topics that name their owners
are signed (`Topic.signed_by`): those whose events delete, end rights, or become entries of the audit trail.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.events.base import Event

SIGNATURE_HEADER = "signature"
ALGORITHM = "ed25519"
KEY_BYTES = 32
# Separates these signatures from all others that the same key might make.
DOMAIN = b"dinsight-event-1"

Headers = Iterable[tuple[str, bytes]]


class SignatureError(Exception):
    """The event is not signed by an owner of its topic, or a key is malformed. It contains no key."""


class EventSigner:
    """Signs for one service. `key` is base64 of 32 bytes, and read when the first event is signed."""

    def __init__(self, service: str, key: str) -> None:
        self._service = service
        self._key = key

    def sign(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> bytes:
        """The value of the header `signature`. Raises SignatureError without a usable key."""
        if not self._key:
            raise SignatureError("DINSIGHT_EVENT_SIGNING_KEY is not set: the service cannot sign its events")
        private = Ed25519PrivateKey.from_private_bytes(_raw(self._key, "DINSIGHT_EVENT_SIGNING_KEY"))
        signature = private.sign(_message(topic, key, value, headers))
        return f"{ALGORITHM} {self._service} {base64.b64encode(signature).decode()}".encode()


class EventVerifier:
    """Verifies with the services' public keys: `auth:base64 of 32 bytes,machines:...`.

    A service has several entries while its key is changed.
    """

    def __init__(self, keys: str) -> None:
        self._keys: dict[str, list[Ed25519PublicKey]] = {}
        for part in filter(None, (part.strip() for part in keys.split(","))):
            service, _, encoded = part.partition(":")
            raw = _raw(encoded, "DINSIGHT_EVENT_PUBLIC_KEYS")
            self._keys.setdefault(service, []).append(Ed25519PublicKey.from_public_bytes(raw))

    def verify(self, event: Event[Any], key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Raise SignatureError unless the topic names no owners, or one of them signed the event."""
        if event.topic.signed_by is None:
            return
        given: Mapping[str, bytes] = dict(headers)
        signer, signature = _parsed(given.get(SIGNATURE_HEADER))
        if signer not in event.topic.signed_by(event.payload):
            raise SignatureError(f"{signer} may not publish this on {event.topic.name}")
        message = _message(event.topic.name, key, value, headers)
        if not any(_is_valid(public, signature, message) for public in self._keys.get(signer, ())):
            raise SignatureError(f"the signature is not one of {signer}")


def public_key(key: str) -> str:
    """The public key, in base64, of a private key in base64."""
    private = Ed25519PrivateKey.from_private_bytes(_raw(key, "The private key"))
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()


def _message(topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> bytes:
    """What is signed. Each part follows its length, so that no two events give the same bytes."""
    attributes = sorted(
        (name.encode(), content)
        for name, content in headers
        if name.startswith("ce_") or name == "content-type"
    )
    parts = [
        DOMAIN,
        topic.encode(),
        key or b"",
        *(part for pair in attributes for part in pair),
        value or b"",
    ]
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def _parsed(header: bytes | None) -> tuple[str, bytes]:
    if header is None:
        raise SignatureError("the event is not signed")
    try:
        algorithm, service, encoded = header.decode("ascii").split(" ")
        signature = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        raise SignatureError("the signature cannot be read") from None
    if algorithm != ALGORITHM:
        raise SignatureError(f"signatures must be of {ALGORITHM}")
    return service, signature


def _is_valid(public: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        public.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _raw(encoded: str, name: str) -> bytes:
    try:
        raw = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) != KEY_BYTES:
        raise SignatureError(f"{name} must hold base64 of {KEY_BYTES} bytes")
    return raw
