"""What keeps an alert quiet: silences and maintenance windows, and the alerts that they match."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.alerting.reasons import Reason
from services.alerting.rules.signals import Severity


@dataclass(frozen=True, slots=True)
class Matched:
    """What matchers look at."""

    rule_id: UUID
    machine_id: UUID
    severity: Severity
    tags: frozenset[str] = frozenset()
    location: str | None = None


@dataclass(frozen=True, slots=True)
class Matcher:
    """Every criterion that is given must match; an empty one matches everything."""

    machine_ids: frozenset[UUID] = field(default_factory=frozenset)
    rule_ids: frozenset[UUID] = field(default_factory=frozenset)
    tags: frozenset[str] = field(default_factory=frozenset)
    locations: frozenset[str] = field(default_factory=frozenset)
    max_severity: Severity | None = None

    def matches(self, alert: Matched) -> bool:
        return (
            (not self.machine_ids or alert.machine_id in self.machine_ids)
            and (not self.rule_ids or alert.rule_id in self.rule_ids)
            and (not self.tags or bool(self.tags & alert.tags))
            and (not self.locations or alert.location in self.locations)
            and (self.max_severity is None or alert.severity <= self.max_severity)
        )

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> "Matcher":
        severity = stored.get("max_severity")
        return cls(
            frozenset(UUID(each) for each in stored.get("machine_ids", ())),
            frozenset(UUID(each) for each in stored.get("rule_ids", ())),
            frozenset(stored.get("tags", ())),
            frozenset(stored.get("locations", ())),
            Severity.parse(severity) if severity else None,
        )


@dataclass(frozen=True, slots=True)
class Quiet:
    """Why an alert notifies nobody at a moment, and when to look again."""

    reason: Reason
    until: datetime
