"""The columns of the alerting service that hold secrets."""

from typing import Any
from uuid import UUID

from services.alerting.rules.service import secret_purpose
from shared.crypto import EncryptedColumn, Renew


def _actions(rule_id: UUID, value: dict[str, Any], renew: Renew) -> dict[str, Any]:
    webhooks = {
        name: {**webhook, "secret": renew(webhook["secret"], purpose=secret_purpose(rule_id, name))}
        for name, webhook in value.get("webhooks", {}).items()
    }
    return {**value, "webhooks": webhooks} if webhooks else value


COLUMNS = (EncryptedColumn("alert_rules", "actions", _actions),)
