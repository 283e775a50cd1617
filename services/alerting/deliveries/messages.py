"""What a message says about an alert: the body of webhooks, and what mails and chat messages are made from."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.alerting.alerts.domain import Alert
from services.alerting.alerts.events import state_of
from services.alerting.rules.domain import Rule
from shared.events.alerting import AlertChanged

MAX_CAUSE_FEATURES = 3


def message_of(
    alert: Alert,
    rule: Rule,
    change: str,
    now: datetime,
    *,
    public_url: str,
    organization: str | None,
    by: UUID | None = None,
    note: str | None = None,
) -> dict[str, Any]:
    """`data` is that of the event alert.changed, with what a person needs to act on it."""
    changed = AlertChanged(**state_of(alert), change=change, changed_by=by, note=note)
    more = {
        "machine_name": alert.machine_name,
        "organization_id": str(alert.organization_id),
        "organization_name": organization,
        "features": [dict(each) for each in alert.features],
        "url": f"{public_url}/alerts/{alert.id}" if public_url else None,
        "runbook_url": rule.actions.runbook_url,
    }
    return {"type": f"alert.{change}", "timestamp": now, "data": changed.model_dump(mode="json") | more}


def group_key(rule: Rule, alert: Alert, location: str | None, target_key: str) -> str | None:
    """What alerts have in common whose messages to a target become one; None if the rule groups nothing."""
    if rule.actions.group is None:
        return None
    values: Mapping[str, str] = {
        "machine": str(alert.machine_id),
        "location": location or "",
        "cause": ",".join(sorted(_names(alert))),
        "rule": str(rule.id),
    }
    return "/".join([target_key, *(f"{each}={values[each]}" for each in rule.actions.group.by)])


def _names(alert: Alert) -> list[str]:
    return [str(each.get("name", "")) for each in alert.features[:MAX_CAUSE_FEATURES]]
