"""The bodies that forms of contact points and maintenance windows make."""

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]
# The field of each kind of target, and what the form calls it.
FIELDS: Mapping[str, tuple[str, str]] = {
    "email": ("address", "where"),
    "webhook": ("url", "where"),
    "apprise": ("url", "where"),
    "role": ("role", "role"),
    "user": ("user_id", "user_id"),
    "rotation": ("rotation", "rotation"),
}
RECURRENCES: Mapping[str, str | None] = {
    "once": None,
    "daily": "FREQ=DAILY",
    "weekly": "FREQ=WEEKLY",
    "monthly": "FREQ=MONTHLY",
}


def contact_point(fields: Mapping[str, str]) -> Json:
    """The body of `POST /contact-points`."""
    kind = fields.get("kind", "email")
    name, asked = FIELDS.get(kind, FIELDS["email"])
    target: dict[str, Any] = {"kind": kind, name: fields.get(asked, "").strip()}
    if kind == "webhook" and fields.get("secret"):
        target["secrets"] = [fields["secret"]]
    return {"name": fields.get("name", ""), "target": target}


def maintenance_window(fields: Mapping[str, str]) -> Json:
    """The body of `POST /maintenance-windows`. A window without machines and tags is for all machines."""
    matcher = {
        "machine_ids": [fields["machine_id"]] if fields.get("machine_id") else [],
        "tags": [tag.strip() for tag in fields.get("tags", "").split(",") if tag.strip()],
    }
    return {
        "name": fields.get("name", ""),
        "reason": fields.get("reason", ""),
        "matcher": matcher,
        "starts": _with_seconds(fields.get("starts", "")),
        "duration": f"PT{fields.get('hours') or '0'}H",
        "time_zone": fields.get("time_zone") or "UTC",
        "rule": RECURRENCES.get(fields.get("recurrence", "once")),
    }


def _with_seconds(moment: str) -> str:
    """A browser's datetime-local leaves them out."""
    return moment + ":00" if len(moment) == len("2026-01-03T22:00") else moment
