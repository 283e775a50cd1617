"""Passkeys (WebAuthn Level 2), checked by the library `webauthn`.

A passkey answers for one site: `origin`, the address where people reach the page. Its host is the relying
party id.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from webauthn.helpers import decode_credential_public_key
from webauthn.helpers.decoded_public_key_to_cryptography import decoded_public_key_to_cryptography
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from services.auth.second_factor.domain import CHALLENGE_LIFETIME, Challenge, Passkey
from services.auth.second_factor.errors import PasskeyRefused
from services.auth.users.domain import User

NAME = "DInsight"
# It is the second factor, after a password: a touch is enough where a key has no PIN.
VERIFICATION = UserVerificationRequirement.PREFERRED
TIMEOUT_MS = int(CHALLENGE_LIFETIME.total_seconds() * 1000)
TRANSPORTS = frozenset(transport.value for transport in AuthenticatorTransport)
MAX_CREDENTIAL_BYTES = 1023  # WebAuthn, 5.1.3


class Passkeys:
    def __init__(self, public_url: str) -> None:
        parts = urlsplit(public_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._site = parts.hostname or ""

    def creation_options(self, user: User, known: Sequence[Passkey], nonce: bytes) -> Mapping[str, Any]:
        """What `navigator.credentials.create` needs to make a passkey that is none of the known ones."""
        options = webauthn.generate_registration_options(
            rp_id=self._site,
            rp_name=NAME,
            user_id=user.id.bytes,
            user_name=user.email,
            user_display_name=user.full_name,
            challenge=nonce,
            timeout=TIMEOUT_MS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED, user_verification=VERIFICATION
            ),
            exclude_credentials=_described(known),
        )
        return _plain(webauthn.options_to_json(options))

    def request_options(self, known: Sequence[Passkey], nonce: bytes) -> Mapping[str, Any]:
        """What `navigator.credentials.get` needs to sign with one of the known passkeys."""
        options = webauthn.generate_authentication_options(
            rp_id=self._site,
            challenge=nonce,
            timeout=TIMEOUT_MS,
            allow_credentials=_described(known),
            user_verification=VERIFICATION,
        )
        return _plain(webauthn.options_to_json(options))

    def registered(
        self,
        challenge: Challenge,
        credential: Mapping[str, Any],
        *,
        passkey_id: UUID,
        name: str,
        now: datetime,
    ) -> Passkey:
        """The passkey that a browser has made for the challenge. Raises PasskeyRefused."""
        try:
            found = webauthn.verify_registration_response(
                credential=dict(credential),
                expected_challenge=challenge.nonce,
                expected_rp_id=self._site,
                expected_origin=self._origin,
            )
            # A key that cannot check a signature would let nobody in.
            decoded_public_key_to_cryptography(decode_credential_public_key(found.credential_public_key))
        except Exception as error:  # of several libraries, which read what a stranger sent
            raise PasskeyRefused from error
        if len(found.credential_id) > MAX_CREDENTIAL_BYTES:
            raise PasskeyRefused
        return Passkey(
            id=passkey_id,
            user_id=challenge.user_id,
            name=name,
            credential_id=found.credential_id,
            public_key=found.credential_public_key,
            sign_count=found.sign_count,
            transports=_transports(credential),
            created_at=now,
        )

    def signed(
        self, challenge: Challenge, known: Sequence[Passkey], credential: object, now: datetime
    ) -> Passkey | None:
        """The known passkey that has signed the challenge, with its new counter; None for anything else."""
        if not isinstance(credential, Mapping):
            return None
        passkey = next((each for each in known if _id(each.credential_id) == credential.get("id")), None)
        if passkey is None:
            return None
        try:
            found = webauthn.verify_authentication_response(
                credential=dict(credential),
                expected_challenge=challenge.nonce,
                expected_rp_id=self._site,
                expected_origin=self._origin,
                credential_public_key=passkey.public_key,
                # Raises if the counter went back: somebody has copied the key (WebAuthn, 6.1.1).
                credential_current_sign_count=passkey.sign_count,
            )
        except Exception:  # as above
            return None
        return replace(passkey, sign_count=found.new_sign_count, last_used_at=now)


def _described(known: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=each.credential_id, transports=[AuthenticatorTransport(name) for name in each.transports]
        )
        for each in known
    ]


def _transports(credential: Mapping[str, Any]) -> list[str]:
    """How the browser can reach the authenticator: a hint for later, of which only known words are kept."""
    response = credential.get("response")
    listed = response.get("transports") if isinstance(response, Mapping) else None
    return sorted(TRANSPORTS.intersection(each for each in listed or () if isinstance(each, str)))


def _id(credential_id: bytes) -> str:
    return webauthn.helpers.bytes_to_base64url(credential_id)


def _plain(options: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(options)
    return found
