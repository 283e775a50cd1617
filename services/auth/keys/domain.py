"""Signing keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair in JWK form, the private half encrypted. `verifies_until` is None while no successor is."""

    id: str
    public_jwk: Mapping[str, Any]
    private_jwk: str
    created_at: datetime
    signs_from: datetime
    verifies_until: datetime | None
