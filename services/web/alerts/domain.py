"""What happened to an alert, from what the alert itself says."""

from collections.abc import Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]


def story(alert: Json) -> Sequence[Json]:
    """Entries like those of `GET /alerts/{id}/timeline`, oldest first, for when that cannot be had."""
    entries = [_entry("raised", alert["created_at"])]
    if alert["acknowledged_at"]:
        by, note = alert["acknowledged_by"], alert["acknowledge_note"]
        entries.append(_entry("acknowledged", alert["acknowledged_at"], by, note))
    if alert["resolved_at"]:
        entries.append(_entry("resolved", alert["resolved_at"], alert["resolved_by"], alert["resolve_note"]))
    entries += [
        {**each, "type": "delivery", "at": each["finished_at"] or each["created_at"], "reason": each["error"]}
        for each in alert["deliveries"]
    ]
    return sorted(entries, key=lambda entry: str(entry["at"]))


def _entry(change: str, at: str, by: str | None = None, reason: str | None = None) -> Json:
    return {"type": "change", "change": change, "at": at, "by": by, "reason": reason, "assigned_to": None}
