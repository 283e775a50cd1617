"""Tokens that are sent by mail and can be used once."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Purpose(StrEnum):
    """What a one-time token can be used for."""

    VERIFY_EMAIL = "verify-email"
    RESET_PASSWORD = "reset-password"  # noqa: S105 - the name of a purpose


@dataclass(frozen=True, slots=True)
class OneTimeToken:
    """A token by its hash; only the mail contains the token itself."""

    id: UUID
    user_id: UUID
    purpose: Purpose
    token_hash: str
    created_at: datetime
    expires_at: datetime
