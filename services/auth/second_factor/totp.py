"""One-time codes of authenticator apps (RFC 6238): six digits, 30 seconds, SHA-1, which all apps know."""

from datetime import datetime, timedelta
from uuid import UUID

import pyotp

from services.auth.second_factor.domain import Totp
from shared.crypto import Encryptor

# A clock that is half a minute wrong on either side still works (RFC 6238, 5.2).
STEPS = (0, -1, 1)
INTERVAL = 30
ISSUER = "DInsight"


def purpose(user_id: UUID) -> str:
    """Binds a secret to its account: it cannot be decrypted if it is copied to another one."""
    return f"totp_secrets.sealed/{user_id}"


def seal(encryptor: Encryptor, user_id: UUID, secret: str) -> str:
    return encryptor.encrypt(secret, purpose=purpose(user_id))


def unseal(encryptor: Encryptor, totp: Totp) -> str:
    """Raises EncryptionError."""
    return encryptor.decrypt(totp.sealed, purpose=purpose(totp.user_id))


def new_secret() -> str:
    """160 random bits in base32, as long as the hash (RFC 4226, 4)."""
    return pyotp.random_base32()


def address(secret: str, account: str) -> str:
    """The `otpauth:` address that apps read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=ISSUER)


def step_of(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """The time step of the code; None if it is wrong, or not newer than `last_step`."""
    totp = pyotp.TOTP(secret, interval=INTERVAL)
    for offset in STEPS:
        moment = now + timedelta(seconds=offset * INTERVAL)
        step = totp.timecode(moment)
        if step > last_step and totp.verify(code, for_time=moment):
            return step
    return None
