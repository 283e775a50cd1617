"""A WebAuthn authenticator in software: makes passkeys and signs with them, as a browser hands it on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from secrets import token_bytes
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_key
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url, encode_cbor

USER_PRESENT, HAS_CREDENTIAL = 0x01, 0x40


@dataclass
class Authenticator:
    origin: str
    site: str
    key: EllipticCurvePrivateKey = field(default_factory=lambda: new_key(SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: token_bytes(32))
    counter: int = 0

    def create(self, options: Mapping[str, Any]) -> dict[str, Any]:
        client = self._client("webauthn.create", options["challenge"])
        point = self.key.public_key().public_numbers()
        # COSE (RFC 9053): EC2, ES256, P-256.
        public = encode_cbor(
            {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        )
        made = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + public
        data = self._data(USER_PRESENT | HAS_CREDENTIAL) + made
        attestation = encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
        return self._credential(
            client, {"attestationObject": bytes_to_base64url(attestation), "transports": ["usb", "magic"]}
        )

    def get(self, options: Mapping[str, Any]) -> dict[str, Any]:
        self.counter += 1
        client, data = self._client("webauthn.get", options["challenge"]), self._data(USER_PRESENT)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ECDSA(SHA256()))
        return self._credential(
            client,
            {"authenticatorData": bytes_to_base64url(data), "signature": bytes_to_base64url(signature)},
        )

    def _client(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _data(self, flags: int) -> bytes:
        site = hashlib.sha256(self.site.encode()).digest()
        return site + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _credential(self, client: bytes, response: dict[str, Any]) -> dict[str, Any]:
        name = bytes_to_base64url(self.credential_id)
        said = {"clientDataJSON": bytes_to_base64url(client), **response}
        return {"id": name, "rawId": name, "type": "public-key", "response": said}
