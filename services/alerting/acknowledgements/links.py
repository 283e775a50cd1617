"""Makes links that acknowledge an alert. The token names its organization, which row-level security needs."""

import base64
import binascii
import hashlib
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from services.alerting.acknowledgements.domain import LIFETIME, Link
from services.alerting.alerts.domain import Alert
from services.alerting.database.unit import Unit

SECRET_BYTES = 24
PAGE = "/api/v1/acknowledgements"


class LinkMaker:
    def __init__(self, public_url: str, random_bytes: Callable[[int], bytes]) -> None:
        self._public_url = public_url.rstrip("/")
        self._random_bytes = random_bytes

    async def make(
        self, unit: Unit, alert: Alert, user_id: UUID | None, recipient: str, now: datetime
    ) -> str:
        """Store the hash of a new token, and return the link with it.

        Browsers do not send what follows `#`, so the token reaches no log.
        """
        raw = alert.organization_id.bytes + self._random_bytes(SECRET_BYTES)
        link = Link(digest(raw), alert.organization_id, alert.id, user_id, recipient, now, now + LIFETIME)
        await unit.ledger.add_link(link)
        token = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        return f"{self._public_url}{PAGE}#token={token}"


def digest(raw: bytes) -> bytes:
    """A plain hash is enough: tokens have 192 random bits."""
    return hashlib.sha256(raw).digest()


def parse(token: str) -> tuple[UUID, bytes] | None:
    """The organization and the hash of a token; None if it is none."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != 16 + SECRET_BYTES:
        return None
    return UUID(bytes=raw[:16]), digest(raw)
