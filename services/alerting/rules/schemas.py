"""HTTP models of alert rules."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from services.alerting.rules.actions import ActionsDocument
from services.alerting.rules.conditions import ConditionDocument, compile_condition
from services.alerting.rules.domain import Rule
from services.alerting.rules.leaves import SeverityLabel
from services.alerting.rules.warnings import SilentContacts, unreached, warnings_of
from shared.http.fields import SOMETHING_STORABLE, NotNull, storable

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=SOMETHING_STORABLE)
]
Condition = Annotated[ConditionDocument, BeforeValidator(storable)]
Actions = Annotated[ActionsDocument, BeforeValidator(storable)]
NotJudged = Literal["rule_switched_off", "machine_inactive", "machine_maintenance", "machine_retired"]
TemplateField = Literal["name", "condition", "actions", "severity", "is_active"]
NO_ACTIONS = ActionsDocument(version=1)


class AlertRuleCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    machine_id: UUID
    name: Name = Field(examples=["Pump 7 deviates from normal"])
    condition: Condition
    actions: Actions = NO_ACTIONS
    severity: SeverityLabel = Field(
        description="Of its alerts, unless a severity step of the condition applies"
    )
    is_active: bool = True


class AlertRuleUpdate(BaseModel):
    """Only the given fields change. The machine of a rule cannot change."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Name | None, NotNull()] = None
    condition: Annotated[Condition | None, NotNull()] = None
    actions: Annotated[Actions | None, NotNull()] = None
    severity: Annotated[SeverityLabel | None, NotNull()] = None
    is_active: Annotated[bool | None, NotNull()] = None
    overrides: Annotated[tuple[TemplateField, ...] | None, NotNull()] = Field(
        default=None,
        description="Of a rule of a template: the fields that keep their value when the template changes."
        " Those left out follow the template again",
    )


class RuleWarning(BaseModel):
    """What `code` and `params` say; `text` is the same in English."""

    code: Literal[
        "can_never_fire",
        "severity_never_reached",
        "fires_when_in_order",
        "unknown_features",
        "inactive_contacts",
        "unconfirmed_contacts",
    ]
    params: dict[str, Any]
    text: str


class AlertRuleOut(BaseModel):
    id: UUID
    organization_id: UUID
    machine_id: UUID
    name: str
    condition: dict[str, Any]
    actions: dict[str, Any] = Field(
        description="Without secrets. Below the role admin, addresses are reduced to their host."
    )
    severity: SeverityLabel
    is_active: bool
    not_judged: NotJudged | None = Field(
        description="Why the rule is not judged now: it is switched off, or its machine is not active"
    )
    warnings: list[RuleWarning] = Field(
        description="Warnings about a condition that is valid but probably not intended, and about contact"
        " points that get no messages. Features are checked against the machine's active baseline, except in"
        " lists of rules"
    )
    template_id: UUID | None = Field(description="The template that keeps the rule in step")
    overrides: list[str] = Field(description="The fields that differ from the template, and stay so")
    created_by: UUID
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(
        cls,
        rule: Rule,
        actions: dict[str, Any],
        machine_status: str,
        silent: SilentContacts,
        features: Collection[str] | None = None,
    ) -> "AlertRuleOut":
        """`actions` as the caller may see them; `features` of the machine's baseline, if they are known."""
        return cls(
            id=rule.id,
            organization_id=rule.organization_id,
            machine_id=rule.machine_id,
            name=rule.name,
            condition=dict(rule.condition),
            actions=actions,
            severity=rule.severity.label,
            is_active=rule.is_active,
            not_judged=_not_judged(rule, machine_status),
            warnings=[
                RuleWarning.model_validate(each, from_attributes=True)
                for each in (
                    *warnings_of(compile_condition(rule.condition), features),
                    *unreached([recipient for step in rule.actions.steps for recipient in step.to], silent),
                )
            ],
            template_id=rule.template_id,
            overrides=list(rule.overrides),
            created_by=rule.created_by,
            created_at=rule.created_at,
            updated_at=rule.updated_at,
        )


def _not_judged(rule: Rule, machine_status: str) -> NotJudged | None:
    if not rule.is_active:
        return "rule_switched_off"
    reasons: Mapping[str, NotJudged] = {
        "inactive": "machine_inactive",
        "maintenance": "machine_maintenance",
        "retired": "machine_retired",
    }
    return reasons.get(machine_status)
