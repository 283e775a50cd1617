"""The secret part of an organization's settings: sealed on the way in, never answered."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.auth.errors import TooManySecrets
from services.auth.organizations.domain import MOST_SECRETS, SECRETS
from shared.crypto import Encryptor


def secret_purpose(organization_id: UUID, name: str) -> str:
    """Binds a sealed secret to its place: copied to another organization it opens nothing."""
    return f"organizations.settings/{organization_id}/{name}"


class SettingsSealer:
    def __init__(self, encryptor: Encryptor) -> None:
        self._encryptor = encryptor

    def sealed(
        self, organization_id: UUID, before: Mapping[str, Any], sent: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The settings to store. Secrets that are not sent stay, and those sent as null go.

        Raises TooManySecrets.
        """
        secrets = dict(before.get(SECRETS, {}))
        for name, secret in sent.get(SECRETS, {}).items():
            if secret is None:
                secrets.pop(name, None)
            else:
                purpose = secret_purpose(organization_id, name)
                secrets[name] = self._encryptor.encrypt(secret, purpose=purpose)
        if len(secrets) > MOST_SECRETS:
            raise TooManySecrets(MOST_SECRETS)
        plain = {name: value for name, value in sent.items() if name != SECRETS}
        return plain | ({SECRETS: secrets} if secrets else {})
