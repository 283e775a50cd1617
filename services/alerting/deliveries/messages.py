"""What a message says about an alert: the body of webhooks, and what mail and chat are made from."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.alerting.alerts.changes import AlertChange
from services.alerting.alerts.domain import Alert
from services.alerting.alerts.payloads import changed
from services.alerting.rules.domain import Rule

MAX_CAUSE_FEATURES = 3


def message_of(
    change: AlertChange,
    rule: Rule,
    kind: str,
    now: datetime,
    *,
    public_url: str,
    organization: str | None,
) -> dict[str, Any]:
    """`data` is that of the event alert.changed, with what a person needs to act on it.

    `kind` is that of the change, or else escalated or reminder.
    """
    alert = change.alert
    more = {
        "change": kind,
        "organization_id": str(alert.organization_id),
        "organization_name": organization,
        "features": [dict(each) for each in alert.features],
        "url": f"{public_url}/o/{alert.organization_id}/alerts/{alert.id}" if public_url else None,
        "runbook_url": rule.actions.runbook_url,
    }
    data = changed(change).model_dump(mode="json") | more
    return {"type": f"alert.{kind}", "timestamp": now.isoformat(), "data": data}


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
