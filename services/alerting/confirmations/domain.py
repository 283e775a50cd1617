"""Links that confirm the mailbox of a contact point. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from uuid import UUID

from services.alerting.mail_links import decoded
from shared.errors import Conflict, NotFound, TooManyRequests

CONFIRMATION_JOB = "confirmation"
# What is sealed of a contact point beside its address.
FIELD = "confirmation"
SECRET_BYTES = 24
LIFETIME = timedelta(days=7)
# Whoever may add contact points must not make the platform flood a mailbox, or many.
MIN_PAUSE = timedelta(hours=1)
WINDOW = timedelta(days=1)
MAX_MAILS_PER_WINDOW = 20


@dataclass(frozen=True, slots=True)
class Token:
    """What a link carries. Row-level security needs the organization."""

    organization_id: UUID
    contact_point_id: UUID
    secret: bytes

    @property
    def raw(self) -> bytes:
        return self.organization_id.bytes + self.contact_point_id.bytes + self.secret

    @classmethod
    def parse(cls, text: str) -> "Token | None":
        raw = decoded(text, 32 + SECRET_BYTES)
        return None if raw is None else cls(UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), raw[32:])


class ConfirmationNotValid(NotFound):
    """The same for every reason, so that guessing reveals nothing."""

    def __init__(self) -> None:
        super().__init__(
            "The link no longer works: it is valid for seven days, and only while the contact point has this"
            " address. An administrator can send a new one."
        )


class NothingToConfirm(Conflict):
    def __init__(self, reason: str) -> None:
        super().__init__(f"No mail is sent: {reason}.")


class TooManyConfirmations(TooManyRequests):
    def __init__(self, what: str, wait: timedelta) -> None:
        seconds = max(1, ceil(wait.total_seconds()))
        super().__init__(
            f"{what}. Nothing was saved. Try again in {seconds} s.", headers={"Retry-After": str(seconds)}
        )
