"""All encrypted columns of the auth service. Secrets that are only compared are hashed instead."""

from typing import Any
from uuid import UUID

from services.auth.feeds.service import PURPOSE as FEED
from services.auth.keys.service import PURPOSE
from services.auth.mail.messages import PURPOSE as MAIL
from services.auth.organizations.domain import SECRETS
from services.auth.organizations.secrets import secret_purpose
from services.auth.second_factor.totp import purpose as totp_purpose
from shared.crypto import EncryptedColumn, Renew


def _signing_key(_id: str, value: str, renew: Renew) -> str:
    return renew(value, purpose=PURPOSE)


def _message(_id: UUID, value: str | None, renew: Renew) -> str | None:
    return value if value is None else renew(value, purpose=MAIL)


def _totp(user_id: UUID, value: str, renew: Renew) -> str:
    return renew(value, purpose=totp_purpose(user_id))


def _settings(organization_id: UUID, value: dict[str, Any] | None, renew: Renew) -> dict[str, Any] | None:
    if not value or SECRETS not in value:
        return value
    secrets = {
        name: renew(sealed, purpose=secret_purpose(organization_id, name))
        for name, sealed in value[SECRETS].items()
    }
    return {**value, SECRETS: secrets}


def _feed(_id: UUID, value: str | None, renew: Renew) -> str | None:
    return value if value is None else renew(value, purpose=FEED)


COLUMNS = (
    EncryptedColumn("feeds", "sealed_password", _feed, key="organization_id"),
    EncryptedColumn("signing_keys", "private_jwk", _signing_key),
    EncryptedColumn("mail", "sealed", _message),
    EncryptedColumn("organizations", "settings", _settings),
    EncryptedColumn("totp_secrets", "sealed", _totp, key="user_id"),
)
