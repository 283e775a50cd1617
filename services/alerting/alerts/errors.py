"""Errors of alerts. `code` and `params` say the same as the text, for pages in other languages."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.alerting.alerts.domain import Alert
from shared.errors import Conflict, FieldError, NotFound, Unprocessable


def _coded(code: str, **params: Any) -> Mapping[str, Any]:
    return {"code": code, "params": params}


class AlertNotFound(NotFound):
    def __init__(self, alert_id: UUID) -> None:
        super().__init__(
            f"Alert {alert_id} does not exist in your organization. List its alerts with GET /alerts.",
            extra=_coded("alert_not_found", alert_id=alert_id),
        )


class AlertIsResolved(Conflict):
    def __init__(self, alert_id: UUID, wanted: str, why: str = "") -> None:
        super().__init__(
            f"Alert {alert_id} is resolved, so it cannot be {wanted}. {why or 'Reopen it first.'}",
            extra=_coded("alert_resolved", alert_id=alert_id),
        )


class AlertIsOpen(Conflict):
    def __init__(self, alert_id: UUID) -> None:
        super().__init__(
            f"Alert {alert_id} is open, so it cannot be reopened.",
            extra=_coded("alert_open", alert_id=alert_id),
        )


class AlertIsPending(Conflict):
    def __init__(self, alert_id: UUID) -> None:
        super().__init__(
            f"Alert {alert_id} is pending: its condition has not held for long enough to raise it. Wait until"
            " it is active.",
            extra=_coded("alert_pending", alert_id=alert_id),
        )


class AnotherIsOpen(Conflict):
    def __init__(self, alert_id: UUID, other: UUID | None) -> None:
        super().__init__(
            f"Alert {alert_id} cannot be reopened: its rule has opened alert {other} since. Continue with"
            " that one.",
            extra=_coded("another_alert_open", alert_id=alert_id, open_alert_id=other),
        )


class AlertIsAcknowledged(Conflict):
    """Somebody else has it. `name` is that person's, if known."""

    def __init__(self, alert: Alert, name: str | None) -> None:
        at = alert.acknowledged_at
        moment = f" at {at:%Y-%m-%d %H:%M} UTC" if at else ""
        super().__init__(
            f"{name or 'Somebody else'} acknowledged alert {alert.id}{moment}. Add a comment, or end that"
            " acknowledgement with POST /alerts/{alert_id}/unacknowledge first.",
            extra=_coded(
                "alert_acknowledged",
                alert_id=alert.id,
                acknowledged_by=alert.acknowledged_by,
                name=name,
                acknowledged_at=at,
                note=alert.acknowledge_note,
                expires_at=alert.acknowledge_expires_at,
            ),
        )


class MemberNotFound(NotFound):
    def __init__(self, user_id: UUID) -> None:
        super().__init__(
            f"User {user_id} is not an active member of your organization. List its members with"
            " GET /organizations/{id}/members.",
            extra=_coded("member_not_found", user_id=user_id),
        )


class ExpiresInThePast(Unprocessable):
    def __init__(self) -> None:
        detail = "must be in the future"
        super().__init__(
            f"expires_at {detail}. Leave it out for an acknowledgement without an end.",
            errors=[FieldError("/body/expires_at", detail)],
            extra=_coded("expires_in_the_past"),
        )


class EmptyPeriod(Unprocessable):
    def __init__(self) -> None:
        detail = "must be before until"
        super().__init__(
            f"since {detail}. Without until, the period ends now; without since, it takes 8 hours.",
            errors=[FieldError("/query/since", detail)],
            extra=_coded("empty_period"),
        )
