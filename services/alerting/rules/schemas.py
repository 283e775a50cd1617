"""HTTP models of alert rules."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.alerting.rules.domain import Rule
from shared.http.fields import SOMETHING_STORABLE, JsonObject, NotNull

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=SOMETHING_STORABLE)
]
SeverityLabel = Literal["low", "medium", "high", "critical"]

CONDITION_EXAMPLE = {
    "version": 1,
    "when": {
        "any": [
            {"signal": "anomaly.distance_ratio", "op": "gte", "value": 1.5},
            {"signal": "anomaly.severity", "op": "gte", "value": "high"},
        ]
    },
    "severity": [
        {"level": "high"},
        {"level": "critical", "when": {"signal": "anomaly.distance_ratio", "op": "gte", "value": 3}},
    ],
    "dedupe": {"by": ["rule", "machine"], "reopen_within": "PT1H"},
}
ACTIONS_EXAMPLE = {
    "version": 1,
    "on": ["raised", "severity_changed", "reopened", "resolved"],
    "steps": [{"after": "PT0S", "channels": ["webhook:cmms"]}],
    "webhooks": {
        "cmms": {"url": "https://example.org/hook", "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"}
    },
}
CONDITION_TEXT = (
    "When the rule fires. A node is `all`, `any`, `not` or a leaf `{signal, op, value}`. Signals:"
    " `anomaly.distance`, `anomaly.distance_ratio`, `anomaly.severity`,"
    " `feature.contribution` (with `feature`); `anomaly.count`, `anomaly.fraction`,"
    " `health.state` (of one monitoring run); `analysis.failed`."
    " Those of one condition must come with one message. Ops: gt, gte, lt, lte, eq, ne, in, within, outside."
)
ACTIONS_TEXT = (
    "Who hears of which changes of the alert. Webhooks are signed as Standard Webhooks describes; secrets are"
    " never answered. A webhook that is sent again without a secret keeps the one it has."
)
Condition = Annotated[JsonObject, Field(description=CONDITION_TEXT, examples=[CONDITION_EXAMPLE])]
ActionsDocument = Annotated[JsonObject, Field(description=ACTIONS_TEXT, examples=[ACTIONS_EXAMPLE])]


class AlertRuleCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    machine_id: UUID
    name: Name = Field(examples=["Pump 7 leaves normal"])
    condition: Condition
    actions: ActionsDocument = {"version": 1}
    severity: SeverityLabel = Field(
        description="Of its alerts, unless a severity step of the condition holds"
    )
    is_active: bool = True


class AlertRuleUpdate(BaseModel):
    """Only the fields that are sent change. The machine of a rule is fixed."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Name | None, NotNull()] = None
    condition: Annotated[Condition | None, NotNull()] = None
    actions: Annotated[ActionsDocument | None, NotNull()] = None
    severity: Annotated[SeverityLabel | None, NotNull()] = None
    is_active: Annotated[bool | None, NotNull()] = None


class AlertRuleOut(BaseModel):
    id: UUID
    organization_id: UUID
    machine_id: UUID
    name: str
    condition: dict[str, Any]
    actions: dict[str, Any] = Field(description="Without the webhooks' secrets")
    severity: SeverityLabel
    is_active: bool
    created_by: UUID
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, rule: Rule) -> "AlertRuleOut":
        return cls(
            id=rule.id,
            organization_id=rule.organization_id,
            machine_id=rule.machine_id,
            name=rule.name,
            condition=dict(rule.document),
            actions=rule.actions.public(),
            severity=rule.severity.label,
            is_active=rule.is_active,
            created_by=rule.created_by,
            created_at=rule.created_at,
            updated_at=rule.updated_at,
        )
