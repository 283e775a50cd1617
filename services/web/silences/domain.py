"""The body that the form of a silence makes, and what a link to the form fills in."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from services.web.layout.ends import end_of
from shared.errors import Unprocessable

Json = Mapping[str, Any]
PREFILLED = ("machine_id", "rule_id", "name")


class SilencesEverything(Unprocessable):
    code = "silences-everything"

    def __init__(self) -> None:
        super().__init__(
            "Choose a machine, a rule, a location or a tag. To keep a whole plant quiet, plan maintenance."
        )


def silence(fields: Mapping[str, str], now: datetime) -> Json:
    """The body of `POST /silences`. Raises SilencesEverything: that is too easily done by mistake."""
    matcher = {
        "machine_ids": _given(fields, "machine_id"),
        "rule_ids": _given(fields, "rule_id"),
        "locations": _given(fields, "location"),
        "tags": [tag.strip() for tag in fields.get("tags", "").split(",") if tag.strip()],
    }
    if not any(matcher.values()):
        raise SilencesEverything
    return {
        "name": fields.get("name", ""),
        "reason": fields.get("reason", ""),
        "matcher": matcher | {"max_severity": fields.get("max_severity") or None},
        "ends_at": end_of(fields, now),
    }


def prefilled(query: Mapping[str, str]) -> Mapping[str, str]:
    """What the page of an alert knows already."""
    return {name: query[name] for name in PREFILLED if query.get(name)}


def changes_at(silences: Iterable[Json], now: datetime) -> datetime | None:
    """When the next of them begins or ends."""
    times = (datetime.fromisoformat(each[name]) for each in silences for name in ("starts_at", "ends_at"))
    return min((each for each in times if each > now), default=None)


def _given(fields: Mapping[str, str], name: str) -> list[str]:
    value = fields.get(name, "").strip()
    return [value] if value else []
