"""HTTP models of rule templates."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.alerting.rules.leaves import SeverityLabel
from services.alerting.rules.schemas import NO_ACTIONS, Actions, Condition, Name
from services.alerting.templates.domain import RuleTemplate, Selector, TemplateCounts
from shared.http.fields import SOMETHING_STORABLE, NotNull

MAX_VALUES = 50

Value = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=SOMETHING_STORABLE)
]
Values = Annotated[tuple[Value, ...], Field(max_length=MAX_VALUES)]


class MachineSelector(BaseModel):
    """Selects the machines that have one value of each list that is not empty; `{}` selects all."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"tags": ["pump"]}]})

    tags: Values = ()
    locations: Values = Field(default=(), description="Prefixes of locations")
    models: Values = ()

    def selector(self) -> Selector:
        return Selector(self.tags, self.locations, self.models)


class RuleTemplateCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["Pumps deviate from normal"])
    selector: MachineSelector
    condition: Condition
    actions: Actions = NO_ACTIONS
    severity: SeverityLabel
    is_active: bool = True


class RuleTemplateUpdate(BaseModel):
    """Only the given fields change. Rules keep the fields that they override."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Name | None, NotNull()] = None
    selector: Annotated[MachineSelector | None, NotNull()] = None
    condition: Annotated[Condition | None, NotNull()] = None
    actions: Annotated[Actions | None, NotNull()] = None
    severity: Annotated[SeverityLabel | None, NotNull()] = None
    is_active: Annotated[bool | None, NotNull()] = None


class RuleTemplateOut(BaseModel):
    id: UUID
    organization_id: UUID
    name: str
    selector: MachineSelector
    condition: dict[str, Any]
    actions: dict[str, Any] = Field(
        description="Without secrets. Below the role admin, addresses are reduced to their host."
    )
    severity: SeverityLabel
    is_active: bool
    is_in_step: bool = Field(description="Whether all machines have their rule as the template is now")
    created_by: UUID
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, template: RuleTemplate, actions: dict[str, Any]) -> "RuleTemplateOut":
        """`actions` as the caller may see them."""
        return cls(**_values(template, actions))


class RuleTemplateDetail(RuleTemplateOut):
    rules: int = Field(description="Its rules: list them with GET /alert-rules?template_id=...")
    overridden: int = Field(description="Those of its rules that override fields")
    exempt: int = Field(description="Machines whose rule was deleted")

    @classmethod
    def with_counts(
        cls, template: RuleTemplate, actions: dict[str, Any], counts: TemplateCounts
    ) -> "RuleTemplateDetail":
        return cls(
            **_values(template, actions),
            rules=counts.rules,
            overridden=counts.overridden,
            exempt=counts.exempt,
        )


def _values(template: RuleTemplate, actions: dict[str, Any]) -> dict[str, Any]:
    chosen = template.selector
    return {
        "id": template.id,
        "organization_id": template.organization_id,
        "name": template.name,
        "selector": MachineSelector(tags=chosen.tags, locations=chosen.locations, models=chosen.models),
        "condition": dict(template.condition),
        "actions": actions,
        "severity": template.severity.label,
        "is_active": template.is_active,
        "is_in_step": template.sync_after is None,
        "created_by": template.created_by,
        "created_at": template.created_at,
        "updated_at": template.updated_at,
    }
