"""Tokens that are sent by mail and work once."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Purpose(StrEnum):
    """What a one-time token is good for."""

    VERIFY_EMAIL = "verify-email"
    RESET_PASSWORD = "reset-password"  # noqa: S105 - a purpose's name


@dataclass(frozen=True, slots=True)
class OneTimeToken:
    """By its hash: the token itself is in the letter alone."""

    id: UUID
    user_id: UUID
    purpose: Purpose
    token_hash: str
    created_at: datetime
    expires_at: datetime
