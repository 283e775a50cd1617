"""A mail, and how an attempt to send it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Mail:
    """`text` and `html` may hold one-time links and are never logged. `headers` come with the usual ones."""

    id: UUID
    kind: str
    created_at: datetime
    recipient: str
    subject: str
    text: str = field(repr=False)
    html: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an attempt to send a message ended. A `permanent` error is not retried; `error` has no address."""

    error: str | None
    permanent: bool = False
