"""Errors of the alerting service."""

from collections.abc import Sequence
from uuid import UUID

from shared.errors import Conflict, FieldError, NotFound, Unprocessable


class MachineNotFound(NotFound):
    def __init__(self, machine_id: UUID) -> None:
        super().__init__(f"There is no machine {machine_id} in your organization. GET /machines lists yours.")


class RuleNotFound(NotFound):
    def __init__(self, rule_id: UUID) -> None:
        super().__init__(
            f"There is no alert rule {rule_id} in your organization. GET /alert-rules lists yours."
        )


class AlertNotFound(NotFound):
    def __init__(self, alert_id: UUID) -> None:
        super().__init__(f"There is no alert {alert_id} in your organization. GET /alerts lists yours.")


class AlertIsResolved(Conflict):
    def __init__(self, alert_id: UUID) -> None:
        super().__init__(
            f"Alert {alert_id} is resolved and cannot be acknowledged. If the fault is back, the rule opens"
            " an alert again by itself."
        )


class InvalidRule(Unprocessable):
    """The condition or the actions of a rule cannot be used; `errors` points at each bad node."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(
            f"{len(errors)} part(s) of the rule cannot be used; see errors. Nothing was saved.", errors=errors
        )
