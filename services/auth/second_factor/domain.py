"""Second factors of an account, and the challenges that they answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.auth.sessions.methods import Method

# Long enough to find the phone or the key in another room.
CHALLENGE_LIFETIME = timedelta(minutes=10)
# A mistyped code must not cost the password again; a guesser gets no more than these for one.
MAX_FAILURES = 5
# Room for every device of a person, and a page that shows them all.
MAX_PASSKEYS = 20
RECOVERY_CODES = 8
# 24 characters of base32 are 120 random bits, so a plain hash of a code is enough.
RECOVERY_GROUPS, RECOVERY_GROUP_LENGTH = 6, 4


class Purpose(StrEnum):
    """What a challenge is for."""

    SIGN_IN = "sign-in"
    NEW_PASSKEY = "new-passkey"


@dataclass(frozen=True, slots=True)
class Totp:
    """The secret of an authenticator app, encrypted. It counts once a first code has confirmed it.

    `last_step` is the time step of the last code that was used (RFC 6238, 5.2): no code works twice.
    """

    user_id: UUID
    sealed: str = field(repr=False)
    created_at: datetime
    confirmed_at: datetime | None = None
    last_step: int = 0


@dataclass(frozen=True, slots=True)
class Passkey:
    """The public half of a WebAuthn credential."""

    id: UUID
    user_id: UUID
    name: str
    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: Sequence[str]
    created_at: datetime
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Factors:
    """What an account can prove itself with, besides its password."""

    totp: Totp | None
    passkeys: Sequence[Passkey]
    recovery_codes: int

    @property
    def has_totp(self) -> bool:
        return self.totp is not None and self.totp.confirmed_at is not None

    @property
    def any(self) -> bool:
        return self.has_totp or bool(self.passkeys)

    @property
    def methods(self) -> list[Method]:
        """Those that can answer a challenge, the strongest first."""
        offered = [
            (Method.PASSKEY, bool(self.passkeys)),
            (Method.TOTP, self.has_totp),
            (Method.RECOVERY_CODE, self.any and self.recovery_codes > 0),
        ]
        return [method for method, there in offered if there]


@dataclass(frozen=True, slots=True)
class Challenge:
    """A sign-in that waits for its second factor, or a passkey that is being made; by the hash of its token.

    `nonce` is what a passkey must sign. `methods` are those that the sign-in has used so far.
    """

    token_hash: str
    user_id: UUID
    purpose: Purpose
    methods: Sequence[Method]
    nonce: bytes = field(repr=False)
    failures: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What answers a challenge: a code of the app, a recovery code, or the signature of a passkey."""

    method: Method
    value: object = field(repr=False)
