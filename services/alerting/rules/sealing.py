"""Seals what rules hold about webhooks: the secrets that sign messages, and the addresses they go to."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.alerting.rules.domain import Actions, Webhook
from shared.crypto import EncryptionError, Encryptor, Renew


def secret_purpose(rule_id: UUID, webhook: str) -> str:
    """Binds a sealed secret to its place: copied to another rule, it cannot be decrypted."""
    return f"alert_rules.actions/{rule_id}/{webhook}"


def address_purpose(rule_id: UUID, webhook: str) -> str:
    """No name of a webhook contains a slash, so this is no purpose of a secret."""
    return f"{secret_purpose(rule_id, webhook)}/url"


class WebhookSealer:
    def __init__(self, encryptor: Encryptor) -> None:
        self._encryptor = encryptor

    def secret(self, rule_id: UUID, name: str, secret: str) -> str:
        return self._encryptor.encrypt(secret, purpose=secret_purpose(rule_id, name))

    def opened_secret(self, rule_id: UUID, name: str, webhook: Webhook) -> str:
        """The plain secret. Raises EncryptionError."""
        return self._encryptor.decrypt(webhook.sealed_secret, purpose=secret_purpose(rule_id, name))

    def sealed(self, rule_id: UUID, actions: Actions) -> Actions:
        """The actions without a whole address in plain text."""
        webhooks = {
            name: hook
            if hook.sealed_url
            else replace(
                hook,
                url=hook.host,
                sealed_url=self._encryptor.encrypt(hook.url, purpose=address_purpose(rule_id, name)),
            )
            for name, hook in actions.webhooks.items()
        }
        return replace(actions, webhooks=webhooks)

    def address(self, rule_id: UUID, name: str, webhook: Webhook) -> str:
        """The whole address. Raises EncryptionError."""
        if webhook.sealed_url is None:
            return webhook.url
        return self._encryptor.decrypt(webhook.sealed_url, purpose=address_purpose(rule_id, name))

    def moved(self, source_id: UUID, target_id: UUID, actions: Actions) -> Actions:
        """The actions of one place, for another one: with secrets of that place and plain addresses.

        Raises EncryptionError.
        """
        webhooks = {
            name: Webhook(
                self.address(source_id, name, hook),
                self.secret(target_id, name, self.opened_secret(source_id, name, hook)),
            )
            for name, hook in actions.webhooks.items()
        }
        return replace(actions, webhooks=webhooks)

    def shown(self, rule_id: UUID, name: str, webhook: Webhook) -> str:
        """The whole address, or the host if the key of the address is lost: the rest can still be read."""
        try:
            return self.address(rule_id, name, webhook)
        except EncryptionError:
            return webhook.host


def renewed(rule_id: UUID, stored: dict[str, Any], renew: Renew) -> dict[str, Any]:
    """The stored actions with all secrets under the current key. Plain addresses stay as they are."""
    webhooks: Mapping[str, dict[str, str]] = stored.get("webhooks", {})
    if not webhooks:
        return stored
    return {**stored, "webhooks": {name: _renewed(rule_id, name, w, renew) for name, w in webhooks.items()}}


def _renewed(rule_id: UUID, name: str, webhook: dict[str, str], renew: Renew) -> dict[str, str]:
    changed = {**webhook, "secret": renew(webhook["secret"], purpose=secret_purpose(rule_id, name))}
    if "sealed_url" in webhook:
        changed["sealed_url"] = renew(webhook["sealed_url"], purpose=address_purpose(rule_id, name))
    return changed
