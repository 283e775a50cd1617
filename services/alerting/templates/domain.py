"""Rule templates: one rule for each machine that they select, kept in step."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.alerting.replicas.domain import MachineRef
from services.alerting.rules.domain import Actions
from services.alerting.rules.signals import Severity

# The fields of a rule that its template sets, and that a rule may override.
FIELDS = ("name", "condition", "actions", "severity", "is_active")
# An override, too: the rule of this machine was deleted, and stays so.
DELETED = "deleted"
# A pass over all machines begins after this id.
START = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Selector:
    """The machines that have one of each kind that is given; without any, all machines.

    A location is a prefix: "Hall 3" selects "Hall 3, line 1", too.
    """

    tags: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    def selects(self, machine: MachineRef) -> bool:
        return (
            (not self.tags or not set(self.tags).isdisjoint(machine.tags))
            and (not self.locations or (machine.location or "").startswith(self.locations))
            and (not self.models or machine.model in self.models)
        )


@dataclass(frozen=True, slots=True)
class RuleTemplate:
    """`actions` hold secrets that are sealed for the template. `sync_after` is the last machine that the pass
    which brings all rules in step has reached; None when there is none to do.
    """

    id: UUID
    organization_id: UUID
    name: str
    selector: Selector
    condition: Mapping[str, Any]
    actions: Actions
    severity: Severity
    is_active: bool
    created_by: UUID
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    sync_after: UUID | None
    version: int

    def changed(self, changes: Mapping[str, Any], now: datetime) -> "RuleTemplate":
        """The template with changes, which all its rules still have to get."""
        return replace(self, **changes, updated_at=now, sync_after=START, version=self.version + 1)

    def selects(self, machine: MachineRef) -> bool:
        return self.deleted_at is None and not machine.deleted and self.selector.selects(machine)


@dataclass(frozen=True, slots=True)
class TemplateCounts:
    """The rules of a template, those of them with overrides, and the machines whose rule was deleted."""

    rules: int
    overridden: int
    exempt: int
