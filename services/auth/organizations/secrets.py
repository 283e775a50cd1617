"""The secrets in an organization's settings: encrypted when written, and never returned."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.auth.errors import TooManySecrets
from services.auth.organizations.domain import MAX_SECRETS, SECRETS
from shared.crypto import Encryptor


def secret_purpose(organization_id: UUID, name: str) -> str:
    """Binds a secret to its place: it cannot be decrypted if it is copied to another organization."""
    return f"organizations.settings/{organization_id}/{name}"


class SettingsEncryptor:
    def __init__(self, encryptor: Encryptor) -> None:
        self._encryptor = encryptor

    def merged(
        self, organization_id: UUID, before: Mapping[str, Any], sent: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The settings to store. Secrets that are not sent are kept, and those sent as null are removed.

        Raises TooManySecrets.
        """
        secrets = dict(before.get(SECRETS, {}))
        for name, secret in sent.get(SECRETS, {}).items():
            if secret is None:
                secrets.pop(name, None)
            else:
                purpose = secret_purpose(organization_id, name)
                secrets[name] = self._encryptor.encrypt(secret, purpose=purpose)
        if len(secrets) > MAX_SECRETS:
            raise TooManySecrets(MAX_SECRETS)
        plain = {name: value for name, value in sent.items() if name != SECRETS}
        return plain | ({SECRETS: secrets} if secrets else {})
