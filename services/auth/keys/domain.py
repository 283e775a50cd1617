"""Signing keys, and the tokens that they sign."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair as JWKs, the private key encrypted. `verifies_until` is None until there is a successor."""

    id: str
    public_jwk: Mapping[str, Any]
    private_jwk: str
    created_at: datetime
    signs_from: datetime
    verifies_until: datetime | None


@dataclass(frozen=True, slots=True)
class TokenPair:
    """`expires_in` is the access token's lifetime in seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
