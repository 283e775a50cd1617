"""The key with which tests sign events as services do: one for all, as one process plays several."""

import base64
import hashlib
from typing import Any

from pydantic import SecretStr

from shared.events.base import EVERY_SERVICE, Event
from shared.events.codec import encode
from shared.events.signatures import SIGNATURE_HEADER, EventSigner, public_key

KEY = base64.b64encode(hashlib.sha256(b"events of tests").digest()).decode()
SIGNING_KEY = SecretStr(KEY)
PUBLIC_KEYS = ",".join(f"{service}:{public_key(KEY)}" for service in EVERY_SERVICE)


def signer(service: str) -> EventSigner:
    return EventSigner(service, KEY)


def encode_signed(event: Event[Any], as_service: str = "") -> tuple[bytes, dict[str, bytes]]:
    """The record of an event as a service publishes it: an owner of its topic, unless one is named."""
    value, headers = encode(event)
    if event.topic.signed_by is not None:
        service = as_service or next(iter(event.topic.signed_by(event.payload)))
        signature = signer(service).sign(event.topic.name, event.key.encode(), value, list(headers.items()))
        headers |= {SIGNATURE_HEADER: signature}
    return value, headers
