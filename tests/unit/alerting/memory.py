"""The contents of the fake database."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.alerting.acknowledgements.domain import Link
from services.alerting.alerts.changes import AlertChange
from services.alerting.alerts.domain import Alert
from services.alerting.deliveries.domain import Delivery, TargetState
from services.alerting.performance.domain import AlertBudget
from services.alerting.replicas.domain import MachineRef, MemberRef, OrganizationRef
from services.alerting.resources.domain import Resource
from services.alerting.rules.domain import Rule
from services.alerting.templates.domain import RuleTemplate
from shared.access import Scope
from shared.http.pages import Cursor, PageRequest, Slice


@dataclass
class Memory:
    """The contents of the fake database. `seals`: no older version runs."""

    seals: bool = True
    machines: dict[UUID, MachineRef] = field(default_factory=dict)
    members: dict[tuple[UUID, UUID], MemberRef] = field(default_factory=dict)
    organizations: dict[UUID, OrganizationRef] = field(default_factory=dict)
    deleted_analyses: set[UUID] = field(default_factory=set)
    rules: dict[UUID, Rule] = field(default_factory=dict)
    templates: dict[UUID, RuleTemplate] = field(default_factory=dict)
    alerts: dict[UUID, Alert] = field(default_factory=dict)
    budgets: dict[UUID, AlertBudget] = field(default_factory=dict)
    changes: list[AlertChange] = field(default_factory=list)
    deliveries: dict[UUID, Delivery] = field(default_factory=dict)
    resources: dict[UUID, Resource] = field(default_factory=dict)
    targets: dict[str, TargetState] = field(default_factory=dict)
    links: dict[bytes, Link] = field(default_factory=dict)


class Scoped:
    def __init__(self, memory: Memory, scope: Scope) -> None:
        self._memory = memory
        self._scope = scope

    def _mine(self, thing: Any) -> bool:
        return bool(thing.organization_id == self._scope.organization_id)


def page_of(items: list[Any], page: PageRequest) -> Slice[Any]:
    ordered = sorted(items, key=lambda item: (item.created_at, item.id), reverse=True)
    after = page.after
    if after is not None:
        ordered = [item for item in ordered if (item.created_at, item.id) < (after.at, after.id)]
    return Slice.cut(ordered, page.limit, lambda item: Cursor(item.created_at, item.id))
