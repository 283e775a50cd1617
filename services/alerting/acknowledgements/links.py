"""Makes links that acknowledge an alert. The token names its organization, which row-level security needs."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from services.alerting.acknowledgements.domain import LIFETIME, Link
from services.alerting.alerts.domain import Alert
from services.alerting.database.unit import Unit
from services.alerting.mail_links import address, decoded

SECRET_BYTES = 24
PAGE = "/api/v1/acknowledgements"


class LinkMaker:
    def __init__(self, public_url: str, random_bytes: Callable[[int], bytes]) -> None:
        self._public_url = public_url
        self._random_bytes = random_bytes

    async def make(
        self, unit: Unit, alert: Alert, user_id: UUID | None, recipient: str, now: datetime
    ) -> str:
        """Store the hash of a new token, and return the link with it."""
        raw = alert.organization_id.bytes + self._random_bytes(SECRET_BYTES)
        link = Link(digest(raw), alert.organization_id, alert.id, user_id, recipient, now, now + LIFETIME)
        await unit.ledger.add_link(link)
        return address(self._public_url, PAGE, raw)


def digest(raw: bytes) -> bytes:
    """A plain hash is enough: tokens have 192 random bits."""
    return hashlib.sha256(raw).digest()


def parse(token: str) -> tuple[UUID, bytes] | None:
    """The organization and the hash of a token; None if it is none."""
    raw = decoded(token, 16 + SECRET_BYTES)
    return None if raw is None else (UUID(bytes=raw[:16]), digest(raw))
