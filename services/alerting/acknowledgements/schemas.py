"""HTTP models of links that acknowledge."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.alerting.alerts.domain import Alert, AlertStatus
from services.alerting.rules.leaves import SeverityLabel

Token = Annotated[str, StringConstraints(min_length=10, max_length=200)]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=r"^[^\x00]*$")]


class LinkToken(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: Token = Field(description="What follows #token= in the link")


class LinkAcknowledge(LinkToken):
    note: Note | None = Field(default=None, examples=["On my way"])


class LinkedAlert(BaseModel):
    """What whoever has the link may see of the alert."""

    machine_name: str
    rule_name: str
    summary: str
    status: AlertStatus
    severity: SeverityLabel
    acknowledged: bool
    recipient: str = Field(description="Whom the link was sent to")

    @classmethod
    def of(cls, alert: Alert, recipient: str) -> "LinkedAlert":
        return cls(
            machine_name=alert.machine_name,
            rule_name=alert.rule_name,
            summary=alert.summary,
            status=alert.status,
            severity=alert.severity.label,
            acknowledged=alert.acknowledged_at is not None,
            recipient=recipient,
        )
