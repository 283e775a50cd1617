"""Single sign-on: the flow of one browser, and identities at the provider."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

# Long enough to find a second factor, and too short for a forgotten browser tab.
FLOW_LIFETIME = timedelta(minutes=10)
# A separate value is derived from the secret of the flow for each purpose.
NONCE, VERIFIER = "nonce", "code verifier"


@dataclass(frozen=True, slots=True)
class Flow:
    """A sign-in in progress. `state` is part of URLs; `secret` stays in the browser.

    The nonce and the code verifier are derived from the secret, so the database stores hashes only.
    """

    state: str
    secret: str = field(repr=False)
    expires_at: datetime

    @property
    def nonce(self) -> str:
        return derive(self.secret, NONCE)

    @property
    def challenge(self) -> str:
        """The S256 challenge of the code verifier (RFC 7636)."""
        return _encoded(hashlib.sha256(derive(self.secret, VERIFIER).encode()).digest())


@dataclass(frozen=True, slots=True)
class ProviderIdentity:
    """Who signed in at the provider. `subject` identifies the account there and never changes."""

    issuer: str
    subject: str
    email: str
    full_name: str
    # Whether the provider says that it asked for several factors.
    is_multi_factor: bool = False


@dataclass(frozen=True, slots=True)
class IdentityLink:
    """An identity at the provider, linked to an account."""

    issuer: str
    subject: str
    user_id: UUID
    linked_at: datetime


def derive(secret: str, purpose: str) -> str:
    return _encoded(hmac.digest(secret.encode("utf-8", "replace"), purpose.encode(), hashlib.sha256))


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
