"""Sign-in through a provider: the flow of one browser, and whom the provider names."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

# Long enough to find a second factor, short enough that nobody comes back to a forgotten page.
FLOW_LIFETIME = timedelta(minutes=10)
# What the flow's secret is used for; each use has a value of its own, from which no other follows.
NONCE, VERIFIER = "nonce", "code verifier"


@dataclass(frozen=True, slots=True)
class Flow:
    """A sign-in that has begun. `state` travels in addresses, `secret` stays with the browser.

    Nonce and code verifier follow from the secret, so the database keeps hashes only.
    """

    state: str
    secret: str = field(repr=False)
    expires_at: datetime

    @property
    def nonce(self) -> str:
        return derived(self.secret, NONCE)

    @property
    def challenge(self) -> str:
        """Of the code verifier, by S256 (RFC 7636)."""
        return _encoded(hashlib.sha256(derived(self.secret, VERIFIER).encode()).digest())


@dataclass(frozen=True, slots=True)
class Named:
    """Whom the provider has signed in. `subject` is that person's name there, for good."""

    issuer: str
    subject: str
    email: str
    full_name: str


@dataclass(frozen=True, slots=True)
class Link:
    """An account, and whom the provider names when it is signed in to."""

    issuer: str
    subject: str
    user_id: UUID
    linked_at: datetime


def derived(secret: str, use: str) -> str:
    return _encoded(hmac.digest(secret.encode("utf-8", "replace"), use.encode(), hashlib.sha256))


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
