"""Changes of alerts, and what the rules say that leads to them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.alerting.alerts.domain import Alert, AlertStatus, Change, Finding
from services.alerting.rules.domain import Rule
from services.alerting.rules.signals import Severity


@dataclass(frozen=True, slots=True)
class AlertChange:
    """One change of an alert, which `alert` already shows. Whoever announces it does so in its transaction.

    `reason` is what a person wrote, or a sentence of the service, which then has a stable `code`. `by` is the
    person, if there was one. A `quiet` change is published and recorded, and notifies nobody.
    """

    alert: Alert
    kind: Change
    at: datetime
    reason: str | None = None
    by: UUID | None = None
    code: str | None = None
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """A change as its alert's timeline keeps it, with what it left the alert in."""

    alert_id: UUID
    version: int
    kind: Change
    at: datetime
    by: UUID | None
    reason: str | None
    code: str | None
    status: AlertStatus
    severity: Severity
    assigned_to: UUID | None


class TransitionKind(StrEnum):
    """What a rule says about the alert of a key.

    - pending: the condition holds, the trigger not yet. Opens a pending alert, which nobody is told of.
    - raise: findings. Opens the alert, reopens it, activates a pending or recovering one, or continues it.
    - no_data: like raise, because data are missing.
    - severity: the severity from now on, higher or lower. The first three only raise it.
    - recover: the condition holds no longer; the alert is recovering until it is raised again or cleared.
    - clear: the alert is over. Resolves it; a pending one was none, and disappears.
    """

    PENDING = "pending"
    RAISE = "raise"
    NO_DATA = "no_data"
    SEVERITY = "severity"
    RECOVER = "recover"
    CLEAR = "clear"


OPENING = (TransitionKind.PENDING, TransitionKind.RAISE, TransitionKind.NO_DATA)


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of one rule. Those of a key are applied in their order.

    `at` is the time of the newest sample, `first_at` of the oldest one if it stands for several. A transition
    that may open an alert needs a `finding`: the worst of the `count` that it stands for. `reason` and `code`
    say why an alert is cleared. `quiet`: publish and record it, but notify nobody, as of late samples.
    """

    kind: TransitionKind
    rule: Rule
    machine_name: str
    at: datetime
    severity: Severity
    finding: Finding | None = None
    count: int = 1
    first_at: datetime | None = None
    reason: str | None = None
    code: str | None = None
    quiet: bool = False
    reopen_within: timedelta | None = None
    key: str | None = None

    @property
    def dedupe_key(self) -> str:
        """The key of the alert: that of the rule, unless the rule separates its alerts further."""
        return self.key or self.rule.dedupe_key
