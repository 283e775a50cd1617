"""API keys: their format, and when they are valid."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from shared.access import Role

# Secret scanners find leaked keys by this format: `dk_`, the key's id, `_`, 256 random bits, in hexadecimal.
KEY_PREFIX = "dk"
SECRET_BYTES = 32
KEY_FORMAT = re.compile(rf"{KEY_PREFIX}_(?P<id>[0-9a-f]{{32}})_(?P<secret>[0-9a-f]{{{2 * SECRET_BYTES}}})")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What an organization sees of a key; the hash of its secret stays in the database."""

    id: UUID
    organization_id: UUID
    name: str
    role: Role
    created_by: UUID
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    def is_valid(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """What a key allows now: never more than its creator may. `version` is of the creator's membership."""

    key: ApiKey
    role: Role
    email: str
    full_name: str
    version: int


@dataclass(frozen=True, slots=True)
class KeyToken:
    """`expires_in` is the access token's lifetime in seconds."""

    access_token: str = field(repr=False)
    expires_in: int
    key_id: UUID


def format_key(key_id: UUID, secret: str) -> str:
    return f"{KEY_PREFIX}_{key_id.hex}_{secret}"


def parse_key(text: str) -> tuple[UUID, str] | None:
    """Return the id and the secret; None if the text does not have the format of a key."""
    found = KEY_FORMAT.fullmatch(text)
    return None if found is None else (UUID(found["id"]), found["secret"])
