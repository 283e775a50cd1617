"""Rules: what watches a machine, and what it does about an alert."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.alerting.rules.actions import Actions
from services.alerting.rules.conditions import Condition, Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule watches one machine. `document` is the condition as its author wrote it."""

    id: UUID
    organization_id: UUID
    machine_id: UUID
    name: str
    document: Mapping[str, Any]
    condition: Condition
    actions: Actions
    severity: Severity
    is_active: bool
    created_by: UUID
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    version: int

    @property
    def dedupe_key(self) -> str:
        """At most one open alert has it. A rule is for one machine, so both are in it."""
        return f"rule:{self.id}/machine:{self.machine_id}"

    def changed(self, changes: Mapping[str, Any], now: datetime) -> "Rule":
        return replace(self, **changes, updated_at=now, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class RuleFilter:
    machine_id: UUID | None = None
    is_active: bool | None = None
